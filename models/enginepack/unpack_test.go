package enginepack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// outside builds dest in an otherwise empty folder, so that a file that got out
// shows.
func outside(t *testing.T) (top string, dest *os.Root) {
	t.Helper()
	top = t.TempDir()
	if err := os.Mkdir(filepath.Join(top, "dest"), 0o700); err != nil {
		t.Fatal(err)
	}
	dest, err := os.OpenRoot(filepath.Join(top, "dest"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dest.Close() })
	return top, dest
}

func same0(name string) string { return name }

var small = caps{entries: 20, file: 1000, total: 3000, links: true}

func TestUnpackRefuses(t *testing.T) {
	big := strings.Repeat("x", 1001)
	good := file("good", "ok")
	linkless := small
	linkless.links = false
	for _, c := range []struct {
		name    string
		caps    caps
		entries []entry
		reason  string
	}{
		{"dots", small, []entry{good, file("../evil", "x")}, "a name with .."},
		{"dots inside", small, []entry{file("a/../../evil", "x")}, "a name with .."},
		{"dots that lead back", small, []entry{file("a/../b", "x")}, "a name with .."},
		{"dots as a folder", small, []entry{special(tar.TypeDir, "../evil/", "")}, "a name with .."},
		{"absolute", small, []entry{good, file("/tmp/evil", "x")}, "an absolute name"},
		{"absolute folder", small, []entry{special(tar.TypeDir, "/evil/", "")}, "an absolute name"},
		{"line break", small, []entry{file("a\nb", "x")}, "characters"},
		{"backslash", small, []entry{file(`..\evil`, "x")}, "characters"},
		{"long name", small, []entry{file(strings.Repeat("n", 513), "x")}, "a name of 513 bytes"},
		{"symlink out", small, []entry{special(tar.TypeSymlink, "l", "../../etc/passwd")}, "a link that leaves"},
		{"symlink out of a folder", small, []entry{special(tar.TypeSymlink, "d/l", "../../dest2")}, "a link that leaves"},
		{"symlink absolute", small, []entry{special(tar.TypeSymlink, "l", "/etc/passwd")}, "a link to an absolute path"},
		{"symlink to nothing", small, []entry{special(tar.TypeSymlink, "l", "nothing")}, "not in the archive"},
		{"symlink to itself", small, []entry{special(tar.TypeSymlink, "l", "l")}, "not in the archive"},
		{"symlinks in a circle", small, []entry{special(tar.TypeSymlink, "a", "b"), special(tar.TypeSymlink, "b", "a")}, "not in the archive"},
		{"write through a symlink", small, []entry{special(tar.TypeSymlink, "l", ".."), file("l/evil", "x")}, "a link that leaves"},
		{"write through a link inside", small, []entry{special(tar.TypeSymlink, "l", "d"), file("l/evil", "x"), file("d/x", "x")}, "not in the archive"},
		{"hard link out", small, []entry{special(tar.TypeLink, "l", "../../etc/passwd")}, "a link that leaves"},
		{"hard link absolute", small, []entry{special(tar.TypeLink, "l", "/etc/passwd")}, "a link to an absolute path"},
		{"hard link to a file outside of the tar", small, []entry{special(tar.TypeLink, "l", "etc/passwd")}, "not in the archive"},
		{"link where none is expected", linkless, []entry{good, special(tar.TypeSymlink, "l", "good")}, "where none is expected"},
		{"character device", small, []entry{special(tar.TypeChar, "null", "")}, "neither a file nor a folder"},
		{"block device", small, []entry{special(tar.TypeBlock, "sda", "")}, "neither a file nor a folder"},
		{"fifo", small, []entry{special(tar.TypeFifo, "fifo", "")}, "neither a file nor a folder"},
		{"twice", small, []entry{good, good}, "stands there twice"},
		{"file over the cap", small, []entry{file("big", big)}, "larger than 1000 bytes"},
		{"all over the cap", small, []entry{file("a", big[1:]), file("b", big[1:]), file("c", big[1:]), file("d", "x")}, "more than 3000 bytes in all"},
		{"too many", small, func() (all []entry) {
			for i := range 21 {
				all = append(all, file(strings.Repeat("f", i+1), ""))
			}
			return all
		}(), "more than 20 entries"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// An entry that nobody wants is judged, too.
			for _, want := range []func(string) string{same0, func(string) string { return "" }} {
				top, dest := outside(t)
				err := unpack(t.Context(), bytes.NewReader(tarball(t, c.entries...)), dest, c.caps, want)
				if want("x") == "" && (strings.Contains(c.reason, "not in the archive") || strings.Contains(c.reason, "twice")) {
					continue // only of wanted entries
				}
				refused, ok := errors.AsType[*ArchiveError](err)
				if !ok || !strings.Contains(refused.Error(), c.reason) {
					t.Errorf("got %v, want %q", err, c.reason)
				}
				if entries, _ := os.ReadDir(top); len(entries) != 1 {
					t.Errorf("files outside: %v", entries)
				}
				filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
					if err != nil || !d.IsDir() && !d.Type().IsRegular() {
						t.Errorf("on the disk: %s %v %v", path, d, err)
					}
					return nil
				})
			}
		})
	}
}

// TestUnpackBroken cuts a good archive at every byte, and flips every byte: the
// digest would catch both before, but nothing may get out or hang.
func TestUnpackBroken(t *testing.T) {
	whole := tarball(t, file("a", strings.Repeat("abc", 100)), special(tar.TypeSymlink, "l", "a"))
	for n := range len(whole) {
		_, dest := outside(t)
		if err := unpack(t.Context(), bytes.NewReader(whole[:n]), dest, small, same0); err == nil {
			t.Errorf("cut at %d of %d: accepted", n, len(whole))
		}
		flipped := bytes.Clone(whole)
		flipped[n] ^= 0x55
		top, dest := outside(t)
		unpack(t.Context(), bytes.NewReader(flipped), dest, small, same0)
		if entries, _ := os.ReadDir(top); len(entries) != 1 {
			t.Errorf("flipped at %d: files outside: %v", n, entries)
		}
	}
	_, dest := outside(t)
	err := unpack(t.Context(), bytes.NewReader(whole[:len(whole)/2]), dest, small, same0)
	if err == nil || !strings.Contains(err.Error(), "ends too early") {
		t.Errorf("cut in the middle: %v", err)
	}
}

// TestUnpackBomb has 1 GiB of zeros in 1 MB.
func TestUnpackBomb(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: "zeros", Typeflag: tar.TypeReg, Size: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 8 { // the header alone must be enough
		w.Write(zeros)
	}
	z.Close()
	_, dest := outside(t)
	err := unpack(t.Context(), bytes.NewReader(b.Bytes()), dest, small, same0)
	if err == nil || !strings.Contains(err.Error(), "larger than 1000 bytes") {
		t.Errorf("got %v", err)
	}
}

func TestUnpackGood(t *testing.T) {
	_, dest := outside(t)
	b := tarball(t,
		special(tar.TypeDir, "./", ""),
		special(tar.TypeSymlink, "./lib/libx.so", "libx.so.0"),
		special(tar.TypeSymlink, "./lib/libx.so.0", "../lib/libx.so.0.1"),
		program("./lib/libx.so.0.1", "content"),
		special(tar.TypeLink, "copy", "lib/libx.so.0.1"),
		file("skip/me", "x"),
	)
	err := unpack(t.Context(), bytes.NewReader(b), dest, small, func(name string) string {
		if strings.HasPrefix(name, "skip") {
			return ""
		}
		return name
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lib/libx.so", "lib/libx.so.0", "lib/libx.so.0.1", "copy"} {
		content, err := dest.ReadFile(name)
		info, statErr := dest.Lstat(name)
		if err != nil || statErr != nil || string(content) != "content" || info.Mode() != 0o755 {
			t.Errorf("%s: %q %v %v %v", name, content, info.Mode(), err, statErr)
		}
	}
	if _, err := dest.Stat("skip"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("skip: %v", err)
	}
}

func TestUnpackCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, dest := outside(t)
	if err := unpack(ctx, bytes.NewReader(tarball(t, file("a", "x"))), dest, small, same0); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(tarball(f, file("a", "x"), special(tar.TypeSymlink, "l", "a")))
	f.Add(tarball(f, file("../a", "x")))
	f.Add([]byte{0x1f, 0x8b})
	f.Fuzz(func(t *testing.T, b []byte) {
		top, dest := outside(t)
		unpack(t.Context(), bytes.NewReader(b), dest, small, same0)
		if entries, _ := os.ReadDir(top); len(entries) != 1 {
			t.Errorf("files outside: %v", entries)
		}
	})
}
