package models

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"abaton.local/posture"
)

func TestShelf(t *testing.T) {
	s := newShelf(t)
	if _, err := s.Default(); !errors.Is(err, ErrEmpty) {
		t.Errorf("an empty shelf: %v", err)
	}
	content := tiny(1)
	p := add(t, s, "My Model (v1).GGUF", content)
	if p.Name != "my-model--v1" || p.Digest != digestOf(content) || p.Size != int64(len(content)) || p.Architecture != "llama" ||
		p.Licence != "apache-2.0" || p.Role != "chat" || p.Signature != "none" || p.ContextLength != 2048 || p.Template.IsZero() ||
		p.Header != headerVerdict || p.FetchedBy != "abaton test" || time.Since(p.FetchedAt) > time.Minute || !strings.Contains(p.Note, "first use") {
		t.Errorf("passport %+v", p)
	}
	for path, mode := range map[string]os.FileMode{s.dir: 0o700 | os.ModeDir, s.Path(p.Digest): 0o400, filepath.Join(s.dir, passportName(p.Digest)): 0o400, filepath.Join(s.dir, incoming): 0o700 | os.ModeDir} {
		if st, err := os.Stat(path); err != nil || st.Mode() != mode {
			t.Errorf("%s: %v, %v, want %v", path, st.Mode(), err, mode)
		}
	}
	for _, name := range []string{"my-model--v1", "MY-MODEL--V1", p.Digest.String(), p.Digest.String()[:8], "sha256:" + p.Digest.String()} {
		if got, err := s.Find(name); err != nil || got.Digest != p.Digest {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "my", p.Digest.String()[:7], "../x", "my-model--v1\x00", "a/b"} {
		_, err := s.Find(name)
		if _, ok := errors.AsType[*UnknownError](err); !ok || strings.ContainsAny(err.Error(), "\x00") {
			t.Errorf("%q: %v", name, err)
		}
	}
	f, err := s.Open(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	shape, err := s.Shape(p)
	if want := (Shape{"llama", 2048, 2, 128, 2, 32, 32, shape.Vocab, shape.CacheElements, true, 0, WholeRecall}); err != nil || shape != want || shape.Vocab < 256 {
		t.Errorf("shape %+v, %v", shape, err)
	}
}

func TestNames(t *testing.T) {
	s := newShelf(t)
	first, second := add(t, s, "same.gguf", tiny(1)), add(t, s, "same.gguf", tiny(2))
	if first.Name != "same" || second.Name != "same-"+second.Digest.String()[:8] {
		t.Errorf("names %q and %q", first.Name, second.Name)
	}
	if again := add(t, s, "other.gguf", tiny(1)); again.Name != "same" {
		t.Errorf("the same file has a second name %q", again.Name)
	}
	if list, err := s.List(); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
	if p, err := s.Default(); err != nil || p.FetchedAt.Before(second.FetchedAt) {
		t.Errorf("default %v, %v", p.Name, err)
	}
	for _, name := range []string{"sam", first.Digest.String()[:12], "none", "", "..", "../" + first.Name} {
		_, unknown := errors.AsType[*UnknownError](s.Remove(name))
		if !unknown {
			t.Errorf("rm %q is done", name)
		}
	}
	if err := s.Remove("same"); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(second.Digest.String()); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, s, false)
}

// Whatever was done to a model since it was pulled, it is not used.
func TestDamage(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, s *Shelf, p Passport){
		"a byte": func(t *testing.T, s *Shelf, p Passport) { rewrite(t, s.Path(p.Digest), p.Size-1) },
		"a byte, times put back": func(t *testing.T, s *Shelf, p Passport) {
			st, err := os.Stat(s.Path(p.Digest))
			if err != nil {
				t.Fatal(err)
			}
			rewrite(t, s.Path(p.Digest), p.Size-1)
			os.Chtimes(s.Path(p.Digest), st.ModTime(), st.ModTime())
		},
		"another file": func(t *testing.T, s *Shelf, p Passport) {
			os.Remove(s.Path(p.Digest))
			os.WriteFile(s.Path(p.Digest), tiny(9)[:p.Size], 0o400)
		},
		"shorter": func(t *testing.T, s *Shelf, p Passport) {
			os.Chmod(s.Path(p.Digest), 0o600)
			os.Truncate(s.Path(p.Digest), p.Size-1)
			os.Chmod(s.Path(p.Digest), 0o400)
		},
		"readable by others": func(t *testing.T, s *Shelf, p Passport) { os.Chmod(s.Path(p.Digest), 0o444) },
		"writable":           func(t *testing.T, s *Shelf, p Passport) { os.Chmod(s.Path(p.Digest), 0o600) },
		"a link": func(t *testing.T, s *Shelf, p Passport) {
			os.Rename(s.Path(p.Digest), s.Path(p.Digest)+".real")
			os.Symlink(s.Path(p.Digest)+".real", s.Path(p.Digest))
		},
		"a folder": func(t *testing.T, s *Shelf, p Passport) {
			os.Remove(s.Path(p.Digest))
			os.Mkdir(s.Path(p.Digest), 0o400)
		},
		"gone": func(t *testing.T, s *Shelf, p Passport) { os.Remove(s.Path(p.Digest)) },
		"its passport lies": func(t *testing.T, s *Shelf, p Passport) {
			p.ContextLength = 1 << 40
			os.Remove(filepath.Join(s.dir, passportName(p.Digest)))
			os.WriteFile(filepath.Join(s.dir, passportName(p.Digest)), mustJSON(p), 0o400)
		},
		"its passport is of another": func(t *testing.T, s *Shelf, p Passport) {
			name := filepath.Join(s.dir, passportName(p.Digest))
			p.Digest[0] ^= 1
			os.Remove(name)
			os.WriteFile(name, mustJSON(p), 0o400)
		},
		"its passport is cut": func(t *testing.T, s *Shelf, p Passport) {
			name := filepath.Join(s.dir, passportName(p.Digest))
			os.Remove(name)
			os.WriteFile(name, mustJSON(p)[:50], 0o400)
		},
		"its passport has one field more": func(t *testing.T, s *Shelf, p Passport) {
			name := filepath.Join(s.dir, passportName(p.Digest))
			os.Remove(name)
			os.WriteFile(name, append([]byte(`{"x":1,`), mustJSON(p)[1:]...), 0o400)
		},
		"another account's": func(t *testing.T, s *Shelf, p Passport) {
			if os.Geteuid() != 0 || os.Chown(s.Path(p.Digest), 65533, 0) != nil {
				os.Chmod(s.Path(p.Digest), 0o440) // only root can give files away
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			p := add(t, s, "m.gguf", tiny(1))
			if f, err := s.Open(t.Context(), p); err != nil {
				t.Fatal(err)
			} else {
				f.Close()
			}
			damage(t, s, p)
			for _, shelf := range []*Shelf{s, reopened(t, s)} { // with and without what this process remembers
				f, err := shelf.Open(t.Context(), p)
				if err == nil {
					f.Close()
				}
				if _, ok := errors.AsType[*DamagedError](err); !ok || !strings.Contains(err.Error(), "pull it again") {
					t.Fatalf("error %v", err)
				}
			}
			if f := s.integrity(t.Context()); f.Status != posture.Fail {
				t.Errorf("INT-01: %+v", f)
			}
			if again := add(t, s, "m.gguf", tiny(1)); again.Digest != p.Digest {
				t.Fatal("pulled again, it is another model")
			}
			f, err := s.Open(t.Context(), p)
			if err != nil {
				t.Fatalf("pulled again: %v", err)
			}
			f.Close()
		})
	}
}

func reopened(t *testing.T, s *Shelf) *Shelf {
	t.Helper()
	again, err := OpenShelf(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Close() })
	return again
}

// A file that changes while it is loaded is refused, though its digest is
// right by the end of the reading.
func TestChangesWhileLoaded(t *testing.T) {
	s := newShelf(t)
	p := add(t, s, "m.gguf", tiny(1))
	s.verdicts = make(map[Digest]verdict)
	os.Remove(filepath.Join(s.dir, verdictsName))
	ctx := &changes{Context: t.Context(), at: 2, do: func() { // the first megabyte was read
		rewrite(t, s.Path(p.Digest), 0)
		rewrite(t, s.Path(p.Digest), 0)
	}}
	_, err := s.Open(ctx, p)
	if _, ok := errors.AsType[*ChangedError](err); !ok {
		t.Fatalf("error %v", err)
	}
}

func TestShelfFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	s, err := OpenShelf(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	os.Chmod(dir, 0o755)
	reopened(t, s)
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v: others may look in", st.Mode(), err)
	}
	shared := t.TempDir() // as /tmp is: it is not ours to close
	os.Chmod(shared, 0o777|os.ModeSticky)
	if _, err := OpenShelf(shared); err == nil {
		t.Error("a folder for every account is taken")
	}
	if st, err := os.Stat(shared); err != nil || st.Mode().Perm() != 0o777 {
		t.Errorf("a folder for every account was closed: %v, %v", st.Mode(), err)
	}
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	if _, err := OpenShelf(file); err == nil {
		t.Error("a file is taken for a folder")
	}
	if os.Geteuid() == 0 {
		os.Chown(dir, 65533, 0)
		if _, err := OpenShelf(dir); err == nil || !strings.Contains(err.Error(), "belongs to account 65533") {
			t.Errorf("another account's folder: %v", err)
		}
	}
}

func TestChecks(t *testing.T) {
	s := newShelf(t)
	check := Checks(s)[0]
	if check.ID != "INT-01" {
		t.Fatal(check.ID)
	}
	if f := check.Run(t.Context()); f.Status != posture.NA {
		t.Errorf("an empty shelf: %+v", f)
	}
	p := add(t, s, "m.gguf", tiny(1))
	f := check.Run(t.Context())
	if f.Status != posture.Warn || !strings.Contains(f.Summary, "nobody signed m") || !strings.Contains(f.Evidence, p.Digest.String()) {
		t.Errorf("%+v", f)
	}
	stray := filepath.Join(s.dir, "evil.gguf")
	os.WriteFile(stray, tiny(2), 0o400)
	if f := check.Run(t.Context()); f.Status != posture.Fail || !strings.Contains(f.Summary, "evil.gguf") {
		t.Errorf("a file that nobody pulled: %+v", f)
	}
}

// Files that killed pulls left are taken away; what may be resumed stays.
func TestSweep(t *testing.T) {
	s := newShelf(t)
	p := add(t, s, "m.gguf", tiny(1))
	old := time.Now().Add(-30 * 24 * time.Hour)
	d1, d2 := digestOf([]byte("1")), digestOf([]byte("2"))
	for name, gone := range map[string]bool{
		fileName(d1):                 true, // no passport
		passportName(d2):             true, // no file
		"sha256-00.json.1-2.new":     true,
		incoming + "/old.part":       true,
		incoming + "/gone.pull":      true,
		incoming + "/fresh.part":     false,
		fileName(p.Digest):           false,
		"something-of-somebody.else": false,
	} {
		path := filepath.Join(s.dir, name)
		if name != fileName(p.Digest) {
			os.WriteFile(path, []byte("x"), 0o600)
			if gone {
				os.Chtimes(path, old, old)
			}
		}
		if list, err := s.List(); err != nil || len(list) != 1 {
			t.Errorf("%s: the shelf lists %d, %v", name, len(list), err)
		}
		if err := s.sweep(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(path); (err != nil) != gone {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// BenchmarkDigest hashes a file in the page cache; its rate is the cost of the
// first load in a boot. GB/s/core counts processor time, so that it tells the
// same on a busy machine; bare is SHA-256 of memory in the same run.
func BenchmarkDigest(b *testing.B) {
	f, err := os.CreateTemp(b.TempDir(), "")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	const size = 256 << 20
	chunk := make([]byte, 1<<20)
	for range size / len(chunk) {
		f.Write(chunk)
	}
	b.SetBytes(size)
	var n int64
	began := busy(b)
	for b.Loop() {
		if _, _, err := hashFile(b.Context(), f); err != nil {
			b.Fatal(err)
		}
		n += size
	}
	rate := float64(n) / (busy(b) - began).Seconds() / 1e9
	began = busy(b)
	for range 256 {
		sha256.Sum256(chunk)
	}
	bare := float64(256<<20) / (busy(b) - began).Seconds() / 1e9
	b.ReportMetric(rate, "GB/s/core")
	b.ReportMetric(rate/bare, "of-bare")
}

// busy is the processor time of this process.
func busy(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkOpen is a load that was checked in this boot.
func BenchmarkOpen(b *testing.B) {
	s := newShelf(b)
	p := add(b, s, "m.gguf", tiny(1))
	for b.Loop() {
		f, err := s.Open(b.Context(), p)
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}
