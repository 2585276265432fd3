package vaulttest

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"abaton.local/vault"
)

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
