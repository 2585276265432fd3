package reader

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"abaton.local/internal/pdfgen"
	"abaton.local/library/parse"
)

// reading is what testdata/reads says of one file.
type reading struct {
	Name  string
	Error string
	Why   parse.Reason
	parse.Document
	Seconds float64
	Later   bool
	Place   int
}

// text is all that was found, hidden or not.
func (r reading) text() string {
	var b strings.Builder
	for _, x := range r.Records {
		b.WriteString(x.Text + "\n")
	}
	return b.String()
}

func (r reading) has(why parse.Reason) bool {
	for _, c := range r.Cuts {
		if c.Why == why {
			return true
		}
	}
	return r.Why == why
}

// home holds the program and what its jail remembers of this kernel, for all tests.
var home string

func TestMain(m *testing.M) {
	var err error
	if home, err = os.MkdirTemp("", "abaton-reader-test"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(home)
	os.Exit(code)
}

var built = sync.OnceValues(func() (string, error) {
	path := filepath.Join(home, "reads")
	cmd := exec.Command("go", "build", "-o", path, "./testdata/reads")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// inJail reads files by children in the jail. They must all come back with a verdict,
// and what read them must end well.
func inJail(t *testing.T, patience string, files map[string][]byte, more ...string) map[string]reading {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	folder, state := t.TempDir(), filepath.Join(home, "state")
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := left(t, state)
	cmd := exec.CommandContext(t.Context(), program, append([]string{folder, state, patience}, more...)...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	got := map[string]reading{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<30)
	for lines.Scan() {
		var r reading
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if r.Error != "" {
			t.Errorf("%s: %s", r.Name, r.Error)
		}
		got[r.Name] = r
	}
	if len(got) != len(files) {
		t.Errorf("%d verdicts on %d files (%v)", len(got), len(files), lines.Err())
	}
	if after := left(t, state); after != before {
		t.Errorf("left behind: %s; before: %s", after, before)
	}
	return got
}

// left names what lies where the program may write, but for what the jail remembers.
func left(t *testing.T, state string) string {
	t.Helper()
	entries, err := os.ReadDir(state)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() || strings.HasSuffix(e.Name(), ".tmp") {
			names = append(names, e.Name())
		}
	}
	return strings.Join(names, " ")
}

func TestReads(t *testing.T) {
	got := inJail(t, "5m", map[string][]byte{
		"plain.txt": []byte("One paragraph.\n\nAnother, caf\xc3\xa9.\n"), "report.pdf": pdfgen.Report(2), "other.pdf": pdfgen.Report(1),
		"wrong.txt": pdfgen.Report(1), "wrong.pdf": []byte("plain text"), "empty.txt": nil, "scan.pdf": pdfgen.Scanned(1, ""), "hidden.pdf": pdfgen.Hidden(),
		"pack.zip": zipped(t, "a/report.pdf", string(pdfgen.Report(1)), "b.txt", "hello"),
	})
	for name, want := range map[string]struct {
		format  parse.Format
		why     parse.Reason
		text    string
		records int
	}{
		"plain.txt":  {parse.Plain, 0, "Another, café.", 2},
		"report.pdf": {parse.PDF, 0, "Section 2: what was agreed", 14},
		"other.pdf":  {parse.PDF, 0, "Section 1: what was agreed", 7},
		"wrong.txt":  {parse.PDF, parse.Mismatch, "", 0},
		"wrong.pdf":  {"", parse.Mismatch, "", 0},
		"empty.txt":  {"", parse.Empty, "", 0},
		"scan.pdf":   {parse.PDF, parse.NoWords, "", 0},
		"hidden.pdf": {parse.PDF, 0, "BANNER", 4},
		"pack.zip":   {parse.Zip, 0, "", 0},
	} {
		r := got[name]
		if r.Format != want.format || r.Why != want.why || !strings.Contains(r.text(), want.text) || len(r.Records) != want.records || len(r.Cuts) != 0 {
			t.Errorf("%s: %s, %v, %d records, cuts %v: %.300s", name, r.Format, r.Why, len(r.Records), r.Cuts, r.text())
		}
	}
	children := got["pack.zip"].Children
	if len(children) != 2 || children[0].Name != "a/report.pdf" || !parse.IsPDF(children[0].Data) || string(children[1].Data) != "hello" {
		t.Errorf("the pack holds %d", len(children))
	}
}

// TestMisbehaves: whatever a child does, its file gets a verdict, and what it said before
// counts only where it did nothing that is forbidden.
func TestMisbehaves(t *testing.T) {
	silent, others := map[string][]byte{}, map[string][]byte{}
	want := map[string]struct {
		why  parse.Reason
		kept bool
	}{
		"91": {parse.TookTooLong, true}, "92": {parse.TookTooLong, false}, "93": {parse.Broke, false}, "94": {parse.Broke, true},
		"95": {parse.Forbidden, false}, "96": {parse.TookTooMuch, true}, "97": {parse.TookTooMuch, true}, "98": {parse.Broke, false}, "99": {parse.Broke, true},
	}
	for way, w := range want {
		if w.why == parse.TookTooLong {
			silent["@"+way+"@.txt"] = []byte("x")
		} else {
			others["@"+way+"@.txt"] = []byte("x")
		}
	}
	got := inJail(t, "5m", others)
	maps.Copy(got, inJail(t, "8s", silent))
	for name, r := range got {
		w := want[name[1:3]]
		if !r.has(w.why) || (len(r.Records) > 0) != w.kept {
			t.Errorf("%s: %v, %d records, cuts %v", name, r.Why, len(r.Records), r.Cuts)
		}
	}
}

// TestOnlyCodeIsKept: what a child that compiles says is held against what it may say.
func TestOnlyCodeIsKept(t *testing.T) {
	good := strings.Repeat("a1", nameLength/2)
	c, err := keepCode(strings.NewReader(good + "code"))
	if err != nil || c.name != good || c.size != 4 {
		t.Fatal(c, err)
	}
	defer c.file.Close()
	if _, err := c.file.WriteAt([]byte("x"), 0); err == nil {
		t.Error("code can be changed after it was kept")
	}
	for _, bad := range []string{"", "short", good, strings.Replace(good, "a", "/", 1) + "code", strings.Replace(good, "a", ".", 2) + "code"} {
		if c, err := keepCode(strings.NewReader(bad)); err == nil {
			t.Errorf("taken: %.20q as %q", bad, c.name)
		}
	}
}

func TestEnded(t *testing.T) {
	if _, err := ended(t.Context(), exitOf(10), parse.Document{}, nil); !isRefused(err, parse.Broke) {
		t.Errorf("an end that was not good: %v", err)
	}
	lost := errors.New("lost")
	if _, err := ended(t.Context(), exitOf(0), parse.Document{}, lost); !errors.Is(err, lost) {
		t.Errorf("a pipe that broke: %v", err)
	}
}

func isRefused(err error, why parse.Reason) bool {
	refused, ok := errors.AsType[*parse.RefusedError](err)
	return ok && refused.Why == why
}
