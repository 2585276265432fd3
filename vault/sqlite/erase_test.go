package sqlite

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"abaton.local/vault"
)

// find counts a text in every file of the store's folder.
func find(t *testing.T, path string, text []byte) (n int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n += bytes.Count(b, text)
	}
	return n
}

// TestErased: what is deleted, and slots that are replaced, are in no byte of
// any file once Commit returns, whether it was a small row, a large one, or a
// whole vault. Before, they are found: so the search sees.
func TestErased(t *testing.T) {
	canary := []byte("sealed canary 5c1f")
	for name, c := range map[string]struct {
		size  int
		erase func(*ledger, vault.ID) error
	}{
		"a small row": {100, func(l *ledger, id vault.ID) error { return l.write(t.Context(), nil, []vault.ID{id}) }},
		"a large row": {300000, func(l *ledger, id vault.ID) error { return l.write(t.Context(), nil, []vault.ID{id}) }},
		"a vault": {5000, func(l *ledger, id vault.ID) error {
			return l.st.Commit(t.Context(), vault.Change{Vault: l.id, From: l.seq, Destroy: true})
		}},
		"slots": {0, func(l *ledger, id vault.ID) error {
			sh := l.shell()
			return l.st.Commit(t.Context(), vault.Change{Vault: l.id, From: l.seq, Shell: sh})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			st, path, l := filled(t, 10)
			id := vault.NewID()
			text := bytes.Repeat(canary, 1+c.size/len(canary))
			var err error
			if c.size > 0 {
				err = l.write(t.Context(), []vault.Row{{ID: id, Envelope: text}}, nil)
			} else {
				sh := l.shell()
				sh.Slots = text
				err = st.Commit(t.Context(), vault.Change{Vault: l.id, From: l.seq, Shell: sh})
			}
			if err != nil {
				t.Fatal(err)
			}
			if find(t, path, canary) == 0 {
				t.Fatal("the control is not found")
			}
			if err := c.erase(l, id); err != nil {
				t.Fatal(err)
			}
			if n := find(t, path, canary); n > 0 {
				t.Errorf("still %d times on the disk", n)
			}
		})
	}
}

// TestLargeRows: as large as they may be, a few in one change, within the
// memory that SQLite is given; larger ones are refused.
func TestLargeRows(t *testing.T) {
	st, _, l := filled(t, 1)
	row := func(n int) vault.Row {
		return vault.Row{ID: vault.NewID(), Envelope: bytes.Repeat([]byte{byte(n)}, n)}
	}
	if err := l.write(t.Context(), []vault.Row{row(vault.MaxRow), row(vault.MaxRow - 1), row(1 << 20)}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := l.content(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.write(t.Context(), []vault.Row{row(vault.MaxRow + 1)}, nil); err == nil {
		t.Error("a larger row is taken")
	}
	if err := errors.Join(l.write(t.Context(), []vault.Row{row(10)}, nil), st.Check(t.Context())); err != nil {
		t.Error(err)
	}
}

// TestManyAtOnce: vaults are written and read side by side, and readers may
// call the store while they read.
func TestManyAtOnce(t *testing.T) {
	st, _ := newStore(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			l, err := createLedger(t.Context(), st, vault.NewID())
			w := newWorkload(61)
			for range 30 {
				s := w.next()
				err = errors.Join(err, l.write(t.Context(), s.put, s.del))
				for r, e := range st.Rows(t.Context(), l.id) {
					err = errors.Join(err, e)
					for _, e := range st.Rows(t.Context(), l.id, r.ID) {
						err = errors.Join(err, e)
					}
					if w.r.IntN(3) == 0 {
						break
					}
				}
			}
			if _, e := l.content(t.Context()); errors.Join(err, e) != nil {
				t.Error(err, e)
			}
		})
	}
	all.Wait()
	if ids, err := st.Vaults(t.Context()); err != nil || len(ids) != 8 {
		t.Errorf("%d vaults, %v", len(ids), err)
	}
}
