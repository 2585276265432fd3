package sqlite

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"abaton.local/vault"
)

// filled gives a store with a ledger of some steps in it.
func filled(t *testing.T, steps int) (*Store, string, *ledger) {
	st, path := newStore(t)
	l, err := createLedger(t.Context(), st, vault.NewID())
	w := newWorkload(51)
	for range steps {
		s := w.next()
		err = errors.Join(err, l.write(t.Context(), s.put, s.del))
	}
	if err != nil {
		t.Fatal(err)
	}
	return st, path, l
}

func TestBackup(t *testing.T) {
	st, path, l := filled(t, 30)
	was, err := l.content(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := mark{l.seq, l.head}
	dir := t.TempDir()
	backup := filepath.Join(dir, "a b.backup")
	if err := st.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(backup); err != nil || info.Mode() != 0o600 {
		t.Errorf("the backup: %v %v", info.Mode(), err)
	}
	if err := st.Backup(t.Context(), backup); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("a backup is replaced: %v", err)
	}
	// The store goes on meanwhile and is then lost.
	if err := l.write(t.Context(), newWorkload(2).next().put, nil); err != nil {
		t.Fatal(err)
	}
	if ids, err := Inspect(t.Context(), backup); err != nil || len(ids) != 1 || ids[0] != l.id {
		t.Errorf("the backup holds %v, %v", ids, err)
	}
	if _, err := Inspect(t.Context(), path); err == nil {
		t.Error("an open store is taken for a backup")
	}
	if err := Restore(t.Context(), backup, path); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("a store is replaced: %v", err)
	}
	again := filepath.Join(t.TempDir(), "new", "store.db")
	if err := Restore(t.Context(), backup, again); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(filepath.Dir(again)); len(files) != 1 {
		t.Errorf("beside the restored store lie %v", files)
	}
	restored := openAt(t, again)
	if l, err = openLedger(t.Context(), restored, l.id, seen); err != nil {
		t.Fatal(err)
	}
	if now, err := l.content(t.Context()); err != nil || !maps.Equal(now, was) {
		t.Errorf("restored %d rows of %d, %v", len(now), len(was), err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("beside the backup lie %v", files)
	}
}

func TestDamagedBackup(t *testing.T) {
	st, _, _ := filled(t, 30)
	backup := filepath.Join(t.TempDir(), "backup")
	if err := st.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"cut off": whole[:len(whole)/2],
		"empty":   nil,
		"other":   []byte(strings.Repeat("0123456789abcdef", 4096)),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(backup, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Inspect(t.Context(), backup); err == nil {
				t.Error("in order, it says")
			}
			path := filepath.Join(t.TempDir(), "store.db")
			if err := Restore(t.Context(), backup, path); err == nil {
				t.Error("restored")
			}
			if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 0 {
				t.Errorf("left behind: %v", files)
			}
		})
	}
}
