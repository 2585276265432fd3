package sqlite

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

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

func TestKeeps(t *testing.T) {
	st, path := newStore(t)
	id := vault.NewID()
	l, err := createLedger(t.Context(), st, id)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1500 {
		if err := l.write(t.Context(), []vault.Row{{ID: vault.NewID(), Envelope: bytes.Repeat([]byte{byte(i)}, i)}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	was, err := l.content(t.Context())
	if err != nil || len(was) != 1500 {
		t.Fatal(len(was), err)
	}
	seen := mark{l.seq, l.head}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Vaults(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	files, _ := filepath.Glob(filepath.Dir(path) + "/*")
	if len(files) != 1 {
		t.Errorf("files after Close: %q", files)
	}
	st = openAt(t, path)
	if l, err = openLedger(t.Context(), st, id, seen); err != nil {
		t.Fatal(err)
	}
	now, err := l.content(t.Context())
	if err != nil || len(now) != len(was) {
		t.Fatal(len(now), err)
	}
	if err := st.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
