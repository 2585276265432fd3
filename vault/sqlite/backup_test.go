package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"abaton.local/vault"
)

func TestBackup(t *testing.T) {
	st, path, p, v := filled(t, 30)
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
	later := *p
	if err := later.write(t.Context(), v, p.next()); err != nil {
		t.Fatal(err)
	}
	if ids, err := Inspect(t.Context(), backup); err != nil || len(ids) != 1 || ids[0] != p.id {
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
	p.whole(t, restored)
	// Whoever remembers what came after the backup sees that it is an old one.
	if _, err := later.judge(t.Context(), restored); !errors.Is(err, vault.ErrRolledBack) {
		t.Errorf("an old state passes for the present one: %v", err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 1 {
		t.Errorf("beside the backup lie %v", files)
	}
}

func TestDamagedBackup(t *testing.T) {
	st, _, _, _ := filled(t, 30)
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

// What lies where the copy is made is left of another try, or a trap.
func TestRestoreFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), filepath.Join(dir, "first.db"))
	if err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(dir, "backup")
	if err := errors.Join(s.Backup(t.Context(), backup), s.Close()); err != nil {
		t.Fatal(err)
	}
	victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "new", "store.db")
	err = errors.Join(os.WriteFile(victim, []byte("precious"), 0o600), os.Mkdir(filepath.Dir(path), 0o700), os.Symlink(victim, path+".part"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Restore(t.Context(), backup, path); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(victim); err != nil || string(b) != "precious" {
		t.Errorf("written over by way of a link: %d bytes, %v", len(b), err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("restored: %v, %v", info, err)
	}
}
