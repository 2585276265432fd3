package vaulttest

import (
	"bytes"
	"errors"
	"slices"
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
