package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
)

// wantTrouble demands a kind, and a sentence that names the file and a way on.
func wantTrouble(t *testing.T, err error, kind Kind, words ...string) {
	t.Helper()
	trouble := new(Trouble)
	if !errors.As(err, &trouble) || trouble.Kind != kind {
		t.Errorf("want trouble %d, got %v", kind, err)
		return
	}
	for _, w := range append(words, trouble.Path) {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	if !filepath.IsAbs(trouble.Path) {
		t.Errorf("%q does not say which store", err)
	}
}

// alter changes a closed store behind our back.
func alter(t *testing.T, path, sql string) {
	t.Helper()
	db, err := sqlite3.Open(path)
	if err == nil {
		err = errors.Join(db.Exec(sql), db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		sql   string
		kind  Kind
		words string
	}{
		"newer":           {"PRAGMA user_version = 2", Newer, "use that version"},
		"no such format":  {"PRAGMA user_version = 0", Damaged, "restore a backup"},
		"another program": {"PRAGMA application_id = 7", Foreign, "another program"},
		"a trigger":       {"CREATE TRIGGER t AFTER INSERT ON rec BEGIN DELETE FROM jrn; END", Foreign, "move it away"},
		"a view":          {"CREATE VIEW v AS SELECT 1", Foreign, "move it away"},
		"a table less":    {"DROP TABLE rec", Foreign, "move it away"},
		"another index":   {"DROP INDEX rec_id; CREATE INDEX rec_id ON rec(vault, id)", Foreign, "move it away"},
	} {
		t.Run(name, func(t *testing.T) {
			st, path := newStore(t)
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			alter(t, path, c.sql)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Open(t.Context(), path)
			wantTrouble(t, err, c.kind, c.words)
			if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
				t.Errorf("the refused file was changed (%v)", err)
			}
		})
	}
	t.Run("no database", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store.db")
		if err := os.WriteFile(path, []byte(strings.Repeat("not a database. ", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), path)
		wantTrouble(t, err, Damaged, "restore a backup")
	})
	t.Run("cut off", func(t *testing.T) {
		st, path, p, v := filled(t, 20)
		v.Close()
		if err := errors.Join(st.Close(), os.Truncate(path, 9000)); err != nil {
			t.Fatal(err)
		}
		st, err := Open(t.Context(), path)
		if err == nil {
			_, err = p.open(t.Context(), st)
			st.Close()
		}
		wantTrouble(t, err, Damaged, "restore a backup")
	})
	t.Run("no format of SQLite", func(t *testing.T) {
		st, path := newStore(t)
		st.Close()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[47] ^= 8 // the schema's format number
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = Open(t.Context(), path)
		wantTrouble(t, err, Damaged, "restore a backup")
	})
	t.Run("in use", func(t *testing.T) {
		_, path := newStore(t)
		_, err := Open(t.Context(), path)
		wantTrouble(t, err, InUse, "abaton serve")
	})
}

// TestInUseBySQLite: a program that knows nothing of our hold, such as the
// sqlite3 shell, is kept out, and keeps us out, by SQLite's own locks.
func TestInUseBySQLite(t *testing.T) {
	st, path := newStore(t)
	other, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Exec("SELECT count(*) FROM vault"); !errors.Is(err, sqlite3.BUSY) {
		t.Errorf("another program reads an open store: %v", err)
	}
	other.Close()
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if other, err = sqlite3.Open(path); err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Exec("BEGIN; SELECT count(*) FROM vault"); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), path)
	wantTrouble(t, err, InUse, "abaton serve")
}

func TestPlace(t *testing.T) {
	t.Run("modes", func(t *testing.T) {
		st, path, _, _ := filled(t, 1)
		for name, want := range map[string]os.FileMode{filepath.Dir(path): 0o700 | os.ModeDir, path: 0o600, path + "-wal": 0o600} {
			if info, err := os.Stat(name); err != nil || info.Mode() != want {
				t.Errorf("%s: %v %v", name, info.Mode(), err)
			}
		}
		st.Close()
		if err := errors.Join(os.Chmod(path, 0o644), os.Chmod(filepath.Dir(path), 0o755)); err != nil {
			t.Fatal(err)
		}
		openAt(t, path)
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("still open to others: %v %v", info.Mode(), err)
		}
	})
	t.Run("a link", func(t *testing.T) {
		st, path := newStore(t)
		st.Close()
		link := filepath.Join(t.TempDir(), "link.db")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), link); err == nil || !strings.Contains(err.Error(), "is a link") {
			t.Errorf("a link is followed: %v", err)
		}
	})
	t.Run("a folder", func(t *testing.T) {
		if _, err := Open(t.Context(), t.TempDir()); err == nil {
			t.Error("a folder is taken for a store")
		}
	})
	t.Run("a folder for all", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), filepath.Join(dir, "store.db")); err == nil || !strings.Contains(err.Error(), "one of its own") {
			t.Errorf("a folder for every account is taken: %v", err)
		}
	})
	t.Run("names", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a b+c?d#e%20&é;=", "store?.db")
		st := openAt(t, path)
		if _, err := newPerson(1).create(t.Context(), st); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 || info.Mode() != 0o600 {
			t.Errorf("the log of an odd name: %v", err)
		}
	})
}

// TestReadOnly: the disk turns read-only under an open store, and was so before.
func TestReadOnly(t *testing.T) {
	d := newEmpty()
	st, err := openOn(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	p := newPerson(1)
	v, err := p.create(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	writes := func(k kind) bool { return k >= opCreate && k <= opDelete && k != opSync }
	readOnly := func(kind) error { return sqlite3.READONLY }
	d.breakAt(1, true, writes, readOnly)
	err = v.Write(t.Context(), p.next())
	if trouble := new(Trouble); !errors.As(err, &trouble) || trouble.Kind != ReadOnly {
		t.Errorf("writing: %v", err)
	}
	p.whole(t, st)
	st.Close()
	_, err = openOn(t.Context(), newReadOnly(t))
	if trouble := new(Trouble); !errors.As(err, &trouble) || trouble.Kind != ReadOnly {
		t.Errorf("opening: %v", err)
	}
}

func newReadOnly(t *testing.T) *disk {
	d := newEmpty()
	d.breakAt(1, true, func(k kind) bool { return k >= opCreate && k <= opDelete }, func(kind) error { return sqlite3.READONLY })
	return d
}

// TestPragmasAreRead: a setting that SQLite does not take stops the opening.
func TestPragmasAreRead(t *testing.T) {
	for i, p := range pragmas() {
		list := pragmas()
		list[i].want = "never"
		d := newEmpty()
		if _, err := openWith(t.Context(), d, list); err == nil || !strings.Contains(err.Error(), p.name) {
			t.Errorf("%s is not read back: %v", p.name, err)
		}
	}
	list := append(pragmas(), pragma{"no_such_pragma", "1", "1"})
	d := newEmpty()
	if _, err := openWith(t.Context(), d, list); err == nil {
		t.Error("a pragma that SQLite does not know passes")
	}
}

// TestPanicStops: after a panic inside SQLite the store says so and stays whole.
func TestPanicStops(t *testing.T) {
	st, path, p, _ := filled(t, 3)
	err := st.do(t.Context(), func() error { panic("out of memory") })
	wantTrouble(t, err, Stopped, "start Abaton again")
	_, err = st.Vaults(t.Context())
	wantTrouble(t, err, Stopped)
	if err := st.Close(); err != nil {
		t.Error(err)
	}
	p.whole(t, openAt(t, path))
}

func TestCancelled(t *testing.T) {
	st, _, p, v := filled(t, 3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := p.next()
	if err := v.Write(ctx, e); !errors.Is(err, context.Canceled) {
		t.Errorf("writing: %v", err)
	}
	if _, err := st.Vaults(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("reading: %v", err)
	}
	if err := p.write(t.Context(), v, e); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	p.whole(t, st)
}
