package sqlite

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"abaton.local/internal/vaulttest"
	"abaton.local/vault"
)

func newStore(tb testing.TB) (*Store, string) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "vault", "store.db")
	return openAt(tb, path), path
}

func openAt(tb testing.TB, path string) *Store {
	tb.Helper()
	st, err := Open(tb.Context(), path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { st.Close() })
	return st
}

// filled gives a store with a person in it who has made some steps.
func filled(t *testing.T, steps int) (*Store, string, *person, *vault.Vault) {
	t.Helper()
	st, path := newStore(t)
	p := newPerson(51)
	v, err := p.create(t.Context(), st)
	for range steps {
		if err != nil {
			break
		}
		err = p.write(t.Context(), v, p.next())
	}
	if err != nil {
		t.Fatal(err)
	}
	return st, path, p, v
}

// whole demands of a store all that the person wrote.
func (p *person) whole(t *testing.T, st vault.Store) {
	t.Helper()
	if n, err := p.judge(t.Context(), st); err != nil || n != p.acked {
		t.Errorf("%d steps of %d, %v", n, p.acked, err)
	}
}

func TestSuite(t *testing.T) {
	vaulttest.Suite(t, func(t *testing.T) vault.Store {
		st, _ := newStore(t)
		return st
	})
}

func TestKeeps(t *testing.T) {
	st, path, p, v := filled(t, 300)
	if got, _, err := read(t.Context(), v); err != nil || !maps.Equal(got, p.now) {
		t.Fatal("before closing: ", err)
	}
	v.Close()
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Vaults(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("beside a closed store lie %v", files)
	}
	st = openAt(t, path)
	p.whole(t, st)
	if err := st.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestSound: changes that could not be read back, or that no vault makes, are
// refused, and change nothing.
func TestSound(t *testing.T) {
	st, _ := newStore(t)
	entry := func(seq uint64) vault.Entry { return vault.Entry{Seq: seq, Envelope: []byte("entry")} }
	large := make([]byte, vault.MaxRow+1)
	for name, c := range map[string]vault.Change{
		"a gap":                  {Shell: vault.Shell{Seq: 2}, Append: []vault.Entry{entry(1), entry(3)}},
		"an end elsewhere":       {Shell: vault.Shell{Seq: 3}, Append: []vault.Entry{entry(1), entry(2)}},
		"more than there can be": {Shell: vault.Shell{Seq: 1}, Append: []vault.Entry{entry(0), entry(1)}},
		"no beginning":           {From: 4, Shell: vault.Shell{Seq: 9}, Append: []vault.Entry{entry(9)}},
		"too great a number":     {Shell: vault.Shell{Seq: 1 << 63}, Append: []vault.Entry{entry(1 << 63)}},
		"a large entry":          {Shell: vault.Shell{Seq: 1}, Append: []vault.Entry{{Seq: 1, Envelope: large}}},
		"a large row":            {Put: []vault.Row{{Envelope: large}}},
		"a large shell":          {Shell: vault.Shell{Slots: large}},
	} {
		if err := st.Commit(t.Context(), c); err == nil || errors.Is(err, vault.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if ids, err := st.Vaults(t.Context()); err != nil || len(ids) != 0 {
		t.Errorf("%d vaults, %v", len(ids), err)
	}
	// A vault that comes from another store begins where that one has cut.
	c := vault.Change{Vault: vault.ID{1}, Shell: vault.Shell{Seq: 9}, Append: []vault.Entry{entry(8), entry(9)}}
	if err := st.Commit(t.Context(), c); err != nil {
		t.Error(err)
	}
}
