package sqlite

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"abaton.local/vault"
)

// find counts a text in every file of the store's folder.
func find(t *testing.T, path, text string) (n int) {
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
		n += bytes.Count(b, []byte(text))
	}
	return n
}

// TestErased: what is deleted, and slots that are replaced, are in no byte of
// any file once Commit returns, whether it was a small row, a large one, or a
// whole vault. Before, they are found: so the search sees.
func TestErased(t *testing.T) {
	const canary = "sealed canary 5c1f "
	id := vault.ID{8}
	row, rest := vault.ID{1}, vault.ID{2}
	change := func(from uint64, slots string) vault.Change {
		return vault.Change{Vault: id, From: from, Shell: vault.Shell{Seq: from + 1, Slots: []byte(slots)}, Append: []vault.Entry{{Seq: from + 1}}}
	}
	gone := change(1, "slots")
	gone.Delete = []vault.ID{row}
	for name, c := range map[string]struct {
		slots string
		size  int
		erase vault.Change
	}{
		"a small row": {"slots", 100, gone},
		"a large row": {"slots", 300_000, gone},
		"a vault":     {"slots", 5_000, vault.Change{Vault: id, From: 1, Destroy: true}},
		"slots":       {canary, 0, change(1, "others")},
	} {
		t.Run(name, func(t *testing.T) {
			st, path, p, _ := filled(t, 10)
			first := change(0, c.slots)
			first.Put = []vault.Row{
				{ID: row, Envelope: []byte(strings.Repeat(canary, c.size/len(canary)))},
				{ID: rest, Envelope: []byte("stays")},
			}
			if err := st.Commit(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			if find(t, path, canary) == 0 {
				t.Fatal("the control is not found")
			}
			if err := st.Commit(t.Context(), c.erase); err != nil {
				t.Fatal(err)
			}
			if n := find(t, path, canary); n > 0 {
				t.Errorf("still %d times on the disk", n)
			}
			p.whole(t, st)
		})
	}
}

// TestLargeRows: a few as large as they may be in one change, within the memory
// that SQLite is given.
func TestLargeRows(t *testing.T) {
	st, _, p, _ := filled(t, 1)
	c := vault.Change{Vault: vault.ID{8}}
	for i, n := range []int{vault.MaxRow, vault.MaxRow - 1, 1 << 20} {
		c.Put = append(c.Put, vault.Row{ID: vault.ID{byte(i)}, Envelope: bytes.Repeat([]byte{byte(n)}, n)})
	}
	if err := st.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	i := 0
	for r, err := range st.Rows(t.Context(), c.Vault) {
		if err != nil || !bytes.Equal(r.Envelope, c.Put[i].Envelope) {
			t.Errorf("row %d: %d bytes, %v", i, len(r.Envelope), err)
		}
		i++
	}
	if i != len(c.Put) {
		t.Errorf("%d rows", i)
	}
	p.whole(t, st)
}

// TestManyAtOnce: vaults are written and read side by side, and readers may
// call the store while they read.
func TestManyAtOnce(t *testing.T) {
	st, _ := newStore(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			p := newPerson(uint64(60 + i))
			p.id = vault.ID{byte(i)}
			v, err := p.create(t.Context(), st)
			for range 30 {
				if err == nil {
					err = p.write(t.Context(), v, p.next())
				}
				for r, e := range st.Rows(t.Context(), p.id) {
					err = errors.Join(err, e)
					for _, e := range st.Rows(t.Context(), p.id, r.ID) {
						err = errors.Join(err, e)
					}
					if p.r.IntN(3) == 0 {
						break
					}
				}
			}
			if err != nil {
				t.Error(err)
			}
			p.whole(t, st)
		})
	}
	all.Wait()
	if ids, err := st.Vaults(t.Context()); err != nil || len(ids) != 8 {
		t.Errorf("%d vaults, %v", len(ids), err)
	}
}
