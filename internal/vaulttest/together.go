package vaulttest

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"abaton.local/vault"
)

func noAlias(t *testing.T, st vault.Store) {
	c := first(id(7))
	commit(t, st, c)
	for _, b := range [][]byte{c.Put[0].Envelope, c.Append[0].Envelope, c.Shell.Header, c.Shell.Slots} {
		if bytes.Contains(b, []byte("!")) {
			t.Error("the store changed what it was given")
		}
		b[0] = '!'
	}
	s, _ := st.Shell(t.Context(), c.Vault)
	s.Header[0], s.Slots[0] = '!', '!'
	for r := range st.Rows(t.Context(), c.Vault) {
		r.Envelope[0] = '!'
	}
	for e := range st.Journal(t.Context(), c.Vault, 0) {
		e.Envelope[0] = '!'
	}
	if s, err := st.Shell(t.Context(), c.Vault); err != nil || s.Header[0] == '!' || s.Slots[0] == '!' {
		t.Errorf("the shell is shared with its users: %v", err)
	}
	for _, r := range rowsOf(t, st, c.Vault) {
		if r[0] == '!' {
			t.Error("a row is shared with its users")
		}
	}
	for e, err := range st.Journal(t.Context(), c.Vault, 0) {
		if err != nil || e.Envelope[0] == '!' {
			t.Errorf("an entry is shared with its users: %v", err)
		}
	}
}

func leftLoops(t *testing.T, st vault.Store) {
	v := id(7)
	commit(t, st, first(v))
	for from := uint64(1); from < 20; from++ {
		for range st.Rows(t.Context(), v) {
			break
		}
		for range st.Journal(t.Context(), v, 0) {
			break
		}
		commit(t, st, next(v, from))
	}
}

func cancelled(t *testing.T, st vault.Store) {
	v := id(7)
	commit(t, st, first(v))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := st.Commit(ctx, next(v, 1))
	s, err2 := st.Shell(t.Context(), v)
	if err2 != nil || (err == nil) != (s.Seq == 2) || len(journalOf(t, st, v, 0)) != int(s.Seq) {
		t.Errorf("a cancelled commit says %v and leaves the vault at %d, %v", err, s.Seq, err2)
	}
	for _, err := range st.Rows(ctx, v) {
		if err != nil {
			return
		}
	}
}

func race(t *testing.T, st vault.Store) {
	v := id(7)
	commit(t, st, first(v))
	const tries, writers = 20, 4
	var won atomic.Uint64
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range tries {
				s, err := st.Shell(t.Context(), v)
				if err == nil {
					err = st.Commit(t.Context(), next(v, s.Seq))
				}
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, vault.ErrConflict):
					t.Error(err)
				}
				for _, err := range st.Rows(t.Context(), v) {
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	s, err := st.Shell(t.Context(), v)
	if err != nil || s.Seq != 1+won.Load() || won.Load() < tries || len(journalOf(t, st, v, 0)) != int(s.Seq) {
		t.Errorf("%d commits were kept, the vault is at %d, %v", won.Load(), s.Seq, err)
	}
}

// life takes a vault through what it does with a store.
func life(t *testing.T, st vault.Store) {
	ctx, name, root := t.Context(), vault.NewID(), vault.NewKey()
	v, err := vault.Create(ctx, st, name, root, []byte("slots"))
	if err != nil {
		t.Fatal(err)
	}
	in, kept, large := vault.NewID(), vault.NewID(), vault.NewID()
	other := vault.NewID()
	text := bytes.Repeat([]byte("0123456789abcdef"), 200_000)
	for i, e := range []vault.Edit{
		{Put: []vault.Put{{ID: kept, Container: in, Kind: vault.KindTurn, Payload: []byte("first")}, {ID: large, Container: in, Kind: vault.KindSegment, Payload: text}}},
		{Put: []vault.Put{{ID: vault.NewID(), Container: other, Kind: vault.KindTurn}, {ID: kept, Container: in, Kind: vault.KindTurn, Payload: []byte("second")}}},
		{Drop: []vault.ID{other}},
	} {
		if err := v.Write(ctx, e); err != nil {
			t.Fatalf("edit %d: %v", i, err)
		}
	}
	next := vault.NewKey()
	if err := v.Rotate(ctx, next, []byte("other slots")); err != nil {
		t.Fatal(err)
	}
	for v.Left() != 0 {
		if err := v.Continue(ctx); err != nil {
			t.Fatal(err)
		}
	}
	head := v.Head()
	v.Close()
	if _, err = vault.Open(ctx, st, name, root, vault.Opening{}); err == nil {
		t.Fatal("the old root key still opens the vault")
	}
	if v, err = vault.Open(ctx, st, name, next, vault.Opening{Remembered: head}); err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if err := v.Verify(ctx); err != nil {
		t.Error(err)
	}
	if b, err := v.Read(ctx, kept); err != nil || string(b) != "second" {
		t.Errorf("read %d bytes, %v", len(b), err)
	}
	if b, err := v.Read(ctx, large); err != nil || !bytes.Equal(b, text) {
		t.Errorf("of the large record %d bytes, %v", len(b), err)
	}
	if n := len(v.List(0, vault.ID{})); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
}
