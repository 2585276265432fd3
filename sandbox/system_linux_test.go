package sandbox

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSystemPrograms: only what root alone can change is started.
func TestSystemPrograms(t *testing.T) {
	program, libraries, err := SystemProgram("/usr/bin/tesseract")
	must(t, err)
	must(t, program.Opened.Close())
	if len(libraries) < 5 {
		t.Errorf("it has %d libraries", len(libraries))
	}
	text, err := os.ReadFile("/bin/true")
	must(t, err)
	copied := filepath.Join(t.TempDir(), "true") // below a folder that everybody may write to
	must(t, os.WriteFile(copied, text, 0o755))
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink("/bin/true", link))
	for path, why := range map[string]string{copied: "others than root", link: "others than root", "/usr/bin": "", "/nosuch": "no such file", "/dev/null": "others than root"} {
		p, _, err := SystemProgram(path)
		if err == nil {
			must(t, p.Opened.Close())
			t.Errorf("%s is taken", path)
		} else if !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestSystemProgramsBehindLinks: a link is root's, and what it leads to lies where
// anybody could put something else.
func TestSystemProgramsBehindLinks(t *testing.T) {
	if os.Getuid() == 0 { // the link below belongs to who asks
		text, err := os.ReadFile("/bin/true")
		must(t, err)
		t.Chdir(t.TempDir())
		must(t, os.WriteFile("true", text, 0o755))
	} else {
		t.Chdir("/tmp")
	}
	for _, path := range []string{"/proc/self/cwd/true", "/proc/self/cwd/../true", "/proc/self/cwd"} {
		if err := rootsOwn(path); err == nil || !strings.Contains(err.Error(), "others than root") {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"/bin/sh", "/usr/bin/../bin/sh", "/"} {
		if err := rootsOwn(path); err != nil {
			t.Error(err)
		}
	}
}

// TestTextRecognition: tesseract reads a page under the policy that the escape matrix
// tries, in every tier, and has all that it needs there.
func TestTextRecognition(t *testing.T) {
	const data = "/usr/share/tesseract-ocr/5/tessdata"
	page := append([]byte("P5\n400 200\n255\n"), bytes.Repeat([]byte{255}, 80_000)...)
	for _, tier := range jailTiers {
		t.Run(string(tier), func(t *testing.T) {
			j := jailAt(t, tier)
			program, libraries, err := SystemProgram("/usr/bin/tesseract")
			must(t, err)
			defer program.Opened.Close()
			in, feed, err := os.Pipe()
			must(t, err)
			defer in.Close()
			out, give, err := os.Pipe()
			must(t, err)
			defer out.Close()
			p, err := j.start(t.Context(), Spec{
				Name: "tesseract", Program: program, Files: append(libraries, File{Path: data, Inside: "/tessdata"}), Policy: Native, Memory: 1 << 30, Stdin: in, Stdout: give,
				Env: []string{"OMP_THREAD_LIMIT=1"}, Args: func(at func(string) string) []string {
					return []string{"stdin", "stdout", "--tessdata-dir", at("/tessdata"), "-l", "eng+fra"}
				},
			}, tier)
			_ = give.Close()
			must(t, err)
			defer p.RunDir().Close()
			go func() {
				_, _ = feed.Write(page) // whether it came is seen by how it ends
				_ = feed.Close()
			}()
			said, err := io.ReadAll(out)
			must(t, err)
			<-p.Done()
			if p.Exit() != (Exit{}) || strings.TrimSpace(string(said)) != "" {
				t.Errorf("%s: %q", p.Exit(), said)
			}
		})
	}
}
