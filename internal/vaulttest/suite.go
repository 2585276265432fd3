package vaulttest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"abaton.local/vault"
)

// Suite tries whether a store keeps what [vault.Store] promises. open gives an
// empty store of its own to every call.
func Suite(t *testing.T, open func(t *testing.T) vault.Store) {
	for _, c := range []struct {
		name string
		try  func(*testing.T, vault.Store)
	}{
		{"empty", empty},
		{"what is committed is there", committed},
		{"all or nothing", conflicts},
		{"journal", journal},
		{"rows", rows},
		{"many rows", manyRows},
		{"the largest row", largestRow},
		{"vaults do not mix", apart},
		{"destroy", destroy},
		{"bytes are nobody else's", noAlias},
		{"loops that are left", leftLoops},
		{"cancelled", cancelled},
		{"one of many wins", race},
		{"a vault lives on it", life},
	} {
		t.Run(c.name, func(t *testing.T) { c.try(t, open(t)) })
	}
}

func id(n int) vault.ID { return vault.ID{0: byte(n >> 8), 7: byte(n), 15: 1} }

// first is the change that makes a vault.
func first(v vault.ID) vault.Change {
	return vault.Change{
		Vault: v, Shell: vault.Shell{Seq: 1, Header: []byte("header 1"), Slots: []byte("slots")},
		Append: []vault.Entry{{Seq: 1, Envelope: []byte("entry 1")}},
		Put:    []vault.Row{{ID: id(1), Envelope: []byte("row 1")}, {ID: id(2), Envelope: []byte("row 2")}},
	}
}

// next is a change that changes nothing but the shell and the journal.
func next(v vault.ID, from uint64) vault.Change {
	return vault.Change{
		Vault: v, From: from, Shell: vault.Shell{Seq: from + 1, Header: []byte{byte(from)}, Slots: []byte("slots")},
		Append: []vault.Entry{{Seq: from + 1, Envelope: []byte{byte(from + 1)}}},
	}
}

func commit(t *testing.T, st vault.Store, changes ...vault.Change) {
	t.Helper()
	if err := st.Commit(t.Context(), changes...); err != nil {
		t.Fatal(err)
	}
}

func journalOf(t *testing.T, st vault.Store, v vault.ID, from uint64) (seqs []uint64) {
	t.Helper()
	for e, err := range st.Journal(t.Context(), v, from) {
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, e.Seq)
	}
	return seqs
}

func rowsOf(t *testing.T, st vault.Store, v vault.ID, named ...vault.ID) map[vault.ID]string {
	t.Helper()
	found := make(map[vault.ID]string)
	for r, err := range st.Rows(t.Context(), v, named...) {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := found[r.ID]; twice {
			t.Errorf("row %v came twice", r.ID)
		}
		found[r.ID] = string(r.Envelope)
	}
	return found
}

func vaultsOf(t *testing.T, st vault.Store) []vault.ID {
	t.Helper()
	ids, err := st.Vaults(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(ids, func(a, b vault.ID) int { return slices.Compare(a[:], b[:]) })
	return ids
}

func empty(t *testing.T, st vault.Store) {
	if ids := vaultsOf(t, st); len(ids) != 0 {
		t.Errorf("an empty store lists %d vaults", len(ids))
	}
	if _, err := st.Shell(t.Context(), id(1)); !errors.Is(err, vault.ErrNoVault) {
		t.Errorf("the shell of no vault: %v", err)
	}
	if len(journalOf(t, st, id(1), 0)) != 0 || len(rowsOf(t, st, id(1))) != 0 || len(rowsOf(t, st, id(1), id(2))) != 0 {
		t.Error("no vault has a journal or rows")
	}
	if err := st.Commit(t.Context()); err != nil {
		t.Errorf("committing nothing: %v", err)
	}
}

func committed(t *testing.T, st vault.Store) {
	v := id(7)
	commit(t, st, first(v))
	if ids := vaultsOf(t, st); !slices.Equal(ids, []vault.ID{v}) {
		t.Errorf("it lists %v", ids)
	}
	s, err := st.Shell(t.Context(), v)
	if err != nil || s.Seq != 1 || string(s.Header) != "header 1" || string(s.Slots) != "slots" {
		t.Errorf("the shell is %+v, %v", s, err)
	}
	for e, err := range st.Journal(t.Context(), v, 1) {
		if err != nil || e.Seq != 1 || string(e.Envelope) != "entry 1" {
			t.Errorf("entry %d, %q, %v", e.Seq, e.Envelope, err)
		}
	}
	if r := rowsOf(t, st, v); len(r) != 2 || r[id(1)] != "row 1" || r[id(2)] != "row 2" {
		t.Errorf("the rows are %q", r)
	}
	c := next(v, 1)
	c.Shell.Slots = nil
	commit(t, st, c)
	if s, err := st.Shell(t.Context(), v); err != nil || s.Seq != 2 || len(s.Slots) != 0 || !bytes.Equal(s.Header, c.Shell.Header) {
		t.Errorf("the second shell is %v, %v", s, err)
	}
}

func conflicts(t *testing.T, st vault.Store) {
	v, w := id(7), id(8)
	commit(t, st, first(v))
	before := rowsOf(t, st, v)
	wrong := next(v, 2)
	wrong.Put = []vault.Row{{ID: id(3), Envelope: []byte("must not come")}}
	good := first(w)
	for name, changes := range map[string][]vault.Change{
		"made again":          {first(v)},
		"ahead":               {wrong},
		"behind":              {next(v, 0)},
		"not there":           {next(w, 5)},
		"good, then wrong":    {good, wrong},
		"wrong, then good":    {wrong, good},
		"destroyed elsewhere": {good, {Vault: v, From: 3, Destroy: true}},
	} {
		if err := st.Commit(t.Context(), changes...); !errors.Is(err, vault.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
		if s, err := st.Shell(t.Context(), v); err != nil || s.Seq != 1 {
			t.Errorf("%s: the vault is at %d, %v", name, s.Seq, err)
		}
		if _, err := st.Shell(t.Context(), w); !errors.Is(err, vault.ErrNoVault) {
			t.Errorf("%s: half of it was kept: %v", name, err)
		}
	}
	if r := rowsOf(t, st, v); len(r) != len(before) || len(journalOf(t, st, v, 0)) != 1 || len(rowsOf(t, st, w)) != 0 {
		t.Error("a conflict left something")
	}
	commit(t, st, next(v, 1), good, next(w, 1)) // several, also of one vault
	if s, err := st.Shell(t.Context(), w); err != nil || s.Seq != 2 {
		t.Errorf("the second vault is at %d, %v", s.Seq, err)
	}
}

func journal(t *testing.T, st vault.Store) {
	v := id(7)
	commit(t, st, first(v))
	c := next(v, 1)
	c.Shell.Seq = 300
	c.Append = nil
	for seq := uint64(2); seq <= 300; seq++ {
		c.Append = append(c.Append, vault.Entry{Seq: seq, Envelope: []byte{byte(seq)}})
	}
	commit(t, st, c)
	if s := journalOf(t, st, v, 0); len(s) != 300 || !slices.IsSorted(s) {
		t.Errorf("%d entries, ascending %v", len(s), slices.IsSorted(s))
	}
	if s := journalOf(t, st, v, 299); !slices.Equal(s, []uint64{299, 300}) {
		t.Errorf("from 299 on: %v", s)
	}
	if s := journalOf(t, st, v, 301); len(s) != 0 {
		t.Errorf("after the end: %v", s)
	}
	c = next(v, 300)
	c.Cut = 250
	commit(t, st, c)
	if s := journalOf(t, st, v, 0); len(s) != 52 || s[0] != 250 || s[51] != 301 {
		t.Errorf("after the cut: %v", s)
	}
	c = next(v, 301)
	c.Cut = 302
	commit(t, st, c)
	if s := journalOf(t, st, v, 0); !slices.Equal(s, []uint64{302}) {
		t.Errorf("after cutting all but the newest: %v", s)
	}
}

func rows(t *testing.T, st vault.Store) {
	v := id(7)
	commit(t, st, first(v))
	if r := rowsOf(t, st, v, id(2), id(9)); len(r) != 1 || r[id(2)] != "row 2" {
		t.Errorf("one that is there and one that is not: %q", r)
	}
	if r := rowsOf(t, st, v, id(9)); len(r) != 0 {
		t.Errorf("one that is not there: %q", r)
	}
	c := next(v, 1)
	c.Put = []vault.Row{{ID: id(2), Envelope: []byte("row 2, later")}, {ID: id(3), Envelope: []byte{0}}, {ID: vault.ID{}, Envelope: []byte("zero")}}
	c.Delete = []vault.ID{id(1), id(77)}
	commit(t, st, c)
	if r := rowsOf(t, st, v); len(r) != 3 || r[id(2)] != "row 2, later" || r[id(3)] != "\x00" || r[vault.ID{}] != "zero" {
		t.Errorf("the rows are %q", r)
	}
}

func manyRows(t *testing.T, st vault.Store) {
	v := id(7)
	const n = 40_000 // more than a statement has parameters
	c := first(v)
	c.Put = nil
	var named []vault.ID
	for i := range n {
		c.Put = append(c.Put, vault.Row{ID: id(i), Envelope: []byte{byte(i), byte(i >> 8)}})
		named = append(named, id(i))
	}
	commit(t, st, c)
	all := rowsOf(t, st, v)
	if r := rowsOf(t, st, v, named...); len(r) != n || len(all) != n {
		t.Errorf("%d rows by name, %d in all, want %d", len(r), len(all), n)
	}
	for i := range n {
		if all[id(i)] != string([]byte{byte(i), byte(i >> 8)}) {
			t.Fatalf("row %d is another", i)
		}
	}
	c = next(v, 1)
	c.Delete = named
	commit(t, st, c)
	if r := rowsOf(t, st, v); len(r) != 0 {
		t.Errorf("%d rows are left", len(r))
	}
}

func largestRow(t *testing.T, st vault.Store) {
	c := first(id(7))
	large := bytes.Repeat([]byte{0x5a}, vault.MaxRow)
	c.Put[0].Envelope = large
	commit(t, st, c)
	if r := rowsOf(t, st, c.Vault, id(1)); r[id(1)] != string(large) {
		t.Errorf("it came back with %d bytes, want %d", len(r[id(1)]), len(large))
	}
}

func apart(t *testing.T, st vault.Store) {
	v, w := id(7), id(8)
	c := first(w)
	c.Put[0].Envelope = []byte("another's")
	commit(t, st, first(v), c)
	d := next(v, 1)
	d.Delete = []vault.ID{id(1)}
	d.Cut = 2
	commit(t, st, d)
	if r := rowsOf(t, st, w); len(r) != 2 || r[id(1)] != "another's" || r[id(2)] != "row 2" {
		t.Errorf("the other's rows are %q", r)
	}
	if s := journalOf(t, st, w, 0); !slices.Equal(s, []uint64{1}) {
		t.Errorf("the other's journal is %v", s)
	}
	if r := rowsOf(t, st, v, id(1)); len(r) != 0 {
		t.Errorf("a deleted row came from the other: %q", r)
	}
}

func destroy(t *testing.T, st vault.Store) {
	v, w := id(7), id(8)
	commit(t, st, first(v), first(w))
	commit(t, st, vault.Change{Vault: v, From: 1, Destroy: true})
	if _, err := st.Shell(t.Context(), v); !errors.Is(err, vault.ErrNoVault) {
		t.Errorf("the destroyed vault's shell: %v", err)
	}
	if len(rowsOf(t, st, v)) != 0 || len(rowsOf(t, st, v, id(1))) != 0 || len(journalOf(t, st, v, 0)) != 0 {
		t.Error("the destroyed vault left something")
	}
	if ids := vaultsOf(t, st); !slices.Equal(ids, []vault.ID{w}) || len(rowsOf(t, st, w)) != 2 {
		t.Errorf("it lists %v", ids)
	}
	commit(t, st, first(v)) // the ID may be used again
	if len(rowsOf(t, st, v)) != 2 {
		t.Error("the new vault of the same ID is not whole")
	}
}

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
