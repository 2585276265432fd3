package enginepack

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// readyStore has the ready-made pack installed.
func readyStore(t *testing.T, b []byte, archive string) (*Store, *Pack) {
	t.Helper()
	s := newStore(t, filepath.Join(t.TempDir(), "engines"), nil)
	withReady(s, b, "")
	p, err := s.Install(t.Context(), Options{Prebuilt: true, Archive: archive})
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

// TestDamaged changes an installed pack in every way: it is refused with the
// file's name, in the program that checked it and in the next one, and
// installed again.
func TestDamaged(t *testing.T) {
	b := tinyReady(t)
	archive := onDisk(t, b)
	open := func(t *testing.T, dir string) {
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(dir, 0o700) })
	}
	lib := "libggml-cpu-x64.so"
	for _, c := range []struct {
		name, file, words string
		do                func(dir string) error
	}{
		{"one bit", lib, "another digest", func(dir string) error {
			return edit(filepath.Join(dir, lib), func(b []byte) []byte { b[100] ^= 1; return b })
		}},
		{"one bit, times set back", serverName, "another digest", func(dir string) error {
			path := filepath.Join(dir, serverName)
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			return errors.Join(edit(path, func(b []byte) []byte { b[100] ^= 1; return b }), os.Chtimes(path, time.Time{}, info.ModTime()))
		}},
		{"longer", lib, "another digest", func(dir string) error {
			return edit(filepath.Join(dir, lib), func(b []byte) []byte { return append(b, 0) })
		}},
		{"empty", serverName, "another digest", func(dir string) error {
			return edit(filepath.Join(dir, serverName), func([]byte) []byte { return nil })
		}},
		{"replaced", lib, "another digest", func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, lib)), os.WriteFile(filepath.Join(dir, lib), []byte("x"), 0o555))
		}},
		{"missing", lib, "missing", func(dir string) error { return os.Remove(filepath.Join(dir, lib)) }},
		{"server missing", serverName, "missing", func(dir string) error { return os.Remove(filepath.Join(dir, serverName)) }},
		{"a link", lib, "not a plain file", func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, lib)), os.Symlink("libtiny.so.0.0.1", filepath.Join(dir, lib)))
		}},
		{"a folder", lib, "not a plain file", func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, lib)), os.Mkdir(filepath.Join(dir, lib), 0o700))
		}},
		{"one more", "libggml-evil.so", "was not installed", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "libggml-evil.so"), []byte("x"), 0o555)
		}},
		{"writable file", lib, "may write to it", func(dir string) error { return os.Chmod(filepath.Join(dir, lib), 0o777) }},
		{"writable folder", "", "may write in it", func(dir string) error { return os.Chmod(dir, 0o777) }},
		{"no record", recordName, "cannot be read", func(dir string) error { return os.Remove(filepath.Join(dir, recordName)) }},
		{"record without the server", recordName, "names no llama-server", func(dir string) error {
			return edit(filepath.Join(dir, recordName), func([]byte) []byte { return []byte(`{"files_sha256":{}}`) })
		}},
		{"record is no JSON", recordName, "invalid", func(dir string) error {
			return edit(filepath.Join(dir, recordName), func(b []byte) []byte { return append([]byte("x"), b...) })
		}},
		{"record with another field", recordName, "unknown field", func(dir string) error {
			return replace(filepath.Join(dir, recordName), `{`, `{"more": 1,`)
		}},
		{"record with a path", recordName, "names the file", func(dir string) error {
			return replace(filepath.Join(dir, recordName), `"LICENSE"`, `"../LICENSE"`)
		}},
		{"record of other features", recordName, "another key", func(dir string) error {
			return replace(filepath.Join(dir, recordName), `"cpu_features": null`, `"cpu_features": ["avx512f"]`)
		}},
		{"record of other digests", "", "another digest", func(dir string) error {
			return replace(filepath.Join(dir, recordName), `"LICENSE": "`, `"LICENSE": "0000000000000000000000000000000000000000000000000000000000000000", "LICENSE2": "`)
		}},
		{"huge record", recordName, "larger than", func(dir string) error {
			return edit(filepath.Join(dir, recordName), func(b []byte) []byte { return append(b, make([]byte, maxRecord)...) })
		}},
		{"a folder by a link", "", "not a folder", func(dir string) error {
			aside := filepath.Join(filepath.Dir(dir), "aside")
			return errors.Join(os.Rename(dir, aside), os.Symlink(aside, dir))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, p := readyStore(t, b, archive)
			open(t, p.Dir)
			if err := c.do(p.Dir); err != nil {
				t.Fatal(err)
			}
			for _, store := range []*Store{s, {dir: s.dir, pins: s.pins, machine: s.machine}} {
				_, err := store.Installed(t.Context())
				damaged, ok := errors.AsType[*DamagedError](err)
				if !ok || !strings.Contains(damaged.Error(), c.words) || c.file != "" && damaged.File != c.file {
					t.Errorf("got %v, want %q of %q", err, c.words, c.file)
				}
			}
			if c.file != recordName && c.file != "" {
				if _, ok := errors.AsType[*DamagedError](p.Unchanged()); !ok {
					t.Error("the pack in use does not notice")
				}
			}
			var progress steps
			again, err := s.Install(t.Context(), Options{Prebuilt: true, Archive: archive, Progress: progress.add})
			if err != nil {
				t.Fatal(err)
			}
			checkPack(t, again, readyFiles...)
			if !progress.has(Note, "the installed engine was changed") {
				t.Errorf("nothing was said: %+v", progress.all)
			}
			if _, err := s.Installed(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHarmless is what a pack survives.
func TestHarmless(t *testing.T) {
	b := tinyReady(t)
	s, p := readyStore(t, b, onDisk(t, b))
	for name, do := range map[string]func() error{
		// A program that was killed in the middle of a check leaves the server readable.
		"readable server": func() error { return os.Chmod(p.Server, 0o511) },
		"touched":         func() error { return os.Chtimes(p.Server, time.Now(), time.Now()) },
		"no verdicts":     func() error { return os.Remove(filepath.Join(s.dir, verdictsName)) },
		"broken verdicts": func() error { return os.WriteFile(filepath.Join(s.dir, verdictsName), []byte("{"), 0o600) },
		"no current":      func() error { return os.Remove(filepath.Join(s.dir, currentName)) },
		"broken current":  func() error { return os.WriteFile(filepath.Join(s.dir, currentName), []byte("../.."), 0o600) },
		"half a pack":     func() error { return os.MkdirAll(filepath.Join(s.dir, stagePrefix+p.Key, "x"), 0o700) },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		again, err := s.Installed(t.Context())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkPack(t, again, readyFiles...)
		if err := p.Unchanged(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRemembered edits what is remembered: only the same inode with the same
// times spares the hashing.
func TestRemembered(t *testing.T) {
	b := tinyReady(t)
	s, p := readyStore(t, b, onDisk(t, b))
	v := s.remembered()
	if v.Boot == "" || len(v.Packs[p.Key].Seen) != len(readyFiles) {
		t.Fatalf("remembered: %+v", v)
	}
	// Proof that the memory is used: the digest recorded is wrong, and nobody
	// notices, until the boot is another.
	path := filepath.Join(p.Dir, recordName)
	if err := replace(path, p.Files["LICENSE"].String(), strings.Repeat("0", 64)); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	_, sum, err := readRecord(f)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Installed(t.Context()); err == nil {
		t.Error("a changed record is taken with the old verdict")
	}
	s.remember(p.Key, verdict{Record: sum, Seen: p.seen})
	if _, err := s.Installed(t.Context()); err != nil {
		t.Errorf("the verdict is not used: %v", err)
	}
	if err := replace(filepath.Join(s.dir, verdictsName), v.Boot, "another-boot"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Installed(t.Context()); err == nil {
		t.Error("the verdict of another boot is used")
	}
}

// edit writes in place, so that the inode stays, and keeps the mode.
func edit(path string, f func([]byte) []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(path, f(b), 0o600), os.Chmod(path, info.Mode().Perm()))
}

func replace(path, from, to string) error {
	return edit(path, func(b []byte) []byte { return []byte(strings.Replace(string(b), from, to, 1)) })
}
