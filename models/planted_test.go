package models

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// Another account that could once write into the model folder may have left a
// folder in which it still stands, or a part of which it holds a descriptor.
// Neither is filled.
func TestPlanted(t *testing.T) {
	from := filepath.Join(t.TempDir(), "m.gguf")
	if err := os.WriteFile(from, tiny(1), 0o600); err != nil {
		t.Fatal(err)
	}
	source := ref(t, "file:"+from)
	part := partName(keyFor(source.String()))
	plant := map[string]func(s *Shelf) error{
		"a part with a second name": func(s *Shelf) error {
			return errors.Join(s.root.Mkdir(incoming, 0o700), s.root.WriteFile(part, nil, 0o600), s.root.Link(part, "second"))
		},
		"a part that others may write": func(s *Shelf) error {
			return errors.Join(s.root.Mkdir(incoming, 0o700), s.root.WriteFile(part, nil, 0o600), s.root.Chmod(part, 0o666))
		},
		"a link as a part": func(s *Shelf) error {
			return errors.Join(s.root.Mkdir(incoming, 0o700), s.root.Symlink("../victim", part))
		},
	}
	if os.Geteuid() == 0 {
		plant["another account's folder"] = func(s *Shelf) error {
			return errors.Join(s.root.Mkdir(incoming, 0o777), s.root.Chown(incoming, 65533, 65533))
		}
		plant["another account's part"] = func(s *Shelf) error {
			return errors.Join(s.root.Mkdir(incoming, 0o700), s.root.WriteFile(part, nil, 0o600), s.root.Chown(part, 65533, 65533))
		}
	}
	for name, act := range plant {
		s := newShelf(t)
		if err := act(s); err != nil {
			t.Fatal(name, err)
		}
		if p, err := local(s).Pull(t.Context(), source, nil); err == nil {
			t.Errorf("%s: taken as %s", name, p.Name)
		}
		if list, err := s.List(); err != nil || len(list) != 0 {
			t.Errorf("%s: the shelf lists %v, %v", name, list, err)
		}
		if _, err := s.root.Lstat("victim"); err == nil {
			t.Errorf("%s: written through", name)
		}
	}
	s := newShelf(t) // the control: a loose folder of ours is closed and used
	if err := errors.Join(s.root.Mkdir(incoming, 0o700), s.root.Chmod(incoming, 0o777)); err != nil {
		t.Fatal(err)
	}
	if _, err := local(s).Pull(t.Context(), source, nil); err != nil {
		t.Error(err)
	}
	if st, err := s.root.Stat(incoming); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
}

// A verdict of an older program, whose header check let pass what ours
// refuses, saves hashing and nothing else.
func TestOlderVerdict(t *testing.T) {
	s := newShelf(t)
	p := add(t, s, "m.gguf", tiny(1))
	bad := tiny(2)
	bad[4] = 9 // of the format's version
	old := p
	p.Digest = digestOf(bad)
	p.Size = int64(len(bad))
	text := mustJSON(p)
	if err := errors.Join(s.write(fileName(p.Digest), bad, 0o400), s.write(passportName(p.Digest), text, 0o400), s.root.Remove(passportName(old.Digest))); err != nil {
		t.Fatal(err)
	}
	f, err := s.plain(fileName(p.Digest))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at, _, err := stampOf(f)
	if err != nil {
		t.Fatal(err)
	}
	s.remember(p.Digest, verdict{at, digestOf(text)})
	_, err = reopened(t, s).Open(t.Context(), p)
	if _, ok := errors.AsType[*HeaderError](err); !ok {
		t.Errorf("error %v", err)
	}
}

// An index chooses the names of its files, and messages tell of them.
func TestIndexEscapes(t *testing.T) {
	o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", jsonIndex)
		w.Write([]byte(`{"files":[{"filename":"tiny-model-\u001b]0;owned\u0007.tar.gz","url":"x","hashes":{}},{"filename":"tiny-model-2.0.tar.gz","url":"x","hashes":{}}]}`))
	})
	index := Index{URLs: []string{o.URL}}
	_, err := index.find(t.Context(), door(o.ca), "tiny-model", "1.0", []string{".tar.gz"}, Digest{})
	missing, ok := errors.AsType[*NotListedError](err)
	if !ok || !slices.Equal(missing.Others, []string{"2.0"}) || strings.ContainsFunc(err.Error(), unicode.IsControl) {
		t.Errorf("%+q", err)
	}
}

// A reference is kept in passports and shown: also the folder that a relative
// one begins with must be fit for a terminal.
func TestFolderEscapes(t *testing.T) {
	for _, name := range []string{"a\x1b]0;owned\x07", "a\u202eb", "a\xff"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Run("", func(t *testing.T) {
			t.Chdir(dir)
			if r, err := ParseRef("file:m.gguf"); err == nil {
				t.Errorf("%+q", r.String())
			}
		})
	}
}

// A model folder may be one that holds a person's own files, too.
func TestSweepSparesOthers(t *testing.T) {
	s := newShelf(t)
	old := time.Now().Add(-24 * time.Hour)
	for name, kept := range map[string]bool{"letter.new": true, "sha256-draft.new": true, "sha256-00.json.1-2.new": false, ".verified.json.7-8.new": false} {
		path := filepath.Join(s.dir, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, old, old)); err != nil {
			t.Fatal(err)
		}
		if err := s.sweep(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(path); (err == nil) != kept {
			t.Errorf("%s: %v", name, err)
		}
	}
}
