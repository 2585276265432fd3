package vaulttest_test

import (
	"bytes"
	"errors"
	"testing"

	"abaton.local/internal/vaulttest"
	"abaton.local/vault"
)

func TestMemory(t *testing.T) {
	vaulttest.Suite(t, func(*testing.T) vault.Store { return vaulttest.NewMemory() })
}

func TestDumpIsReadBack(t *testing.T) {
	st := vaulttest.NewMemory()
	for range 3 {
		v, err := vault.Create(t.Context(), st, vault.NewID(), vault.NewKey(), []byte("slots"))
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Write(t.Context(), vault.Edit{Put: []vault.Put{{ID: vault.NewID(), Container: vault.NewID(), Kind: 1}}}); err != nil {
			t.Fatal(err)
		}
	}
	dump := st.Dump()
	again, err := vaulttest.Load(dump)
	if err != nil || !bytes.Equal(again.Dump(), dump) || !bytes.Equal(st.Clone().Dump(), dump) {
		t.Errorf("the dump does not lead to itself: %v", err)
	}
	for n := range len(dump) {
		if _, err := vaulttest.Load(dump[:n]); err == nil {
			t.Fatalf("a dump cut at %d was taken", n)
		}
	}
}

func TestFailuresHappenWhereAsked(t *testing.T) {
	st := vaulttest.NewMemory()
	change := vault.Change{Vault: vault.NewID(), Shell: vault.Shell{Seq: 1}}
	st.Fail(vaulttest.Failure{At: 2})
	_, err1 := st.Vaults(t.Context())
	err2 := st.Commit(t.Context(), change)
	if err1 != nil || !errors.Is(err2, vaulttest.ErrFault) || len(st.Dump()) != len(vaulttest.NewMemory().Dump()) {
		t.Errorf("failing before: %v, %v", err1, err2)
	}
	st.Fail(vaulttest.Failure{At: 1, Done: true})
	if err := st.Commit(t.Context(), change); !errors.Is(err, vaulttest.ErrFault) || st.Image(change.Vault) == nil {
		t.Errorf("failing after: %v", err)
	}
	if _, err := st.Shell(t.Context(), change.Vault); err != nil || st.Calls() != 2 {
		t.Errorf("only once: %v, %d calls", err, st.Calls())
	}
	st.Fail(vaulttest.Failure{At: 1, Forever: true})
	for range 3 {
		if _, err := st.Shell(t.Context(), change.Vault); !errors.Is(err, vaulttest.ErrFault) {
			t.Errorf("for ever: %v", err)
		}
	}
}
