package vault_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"abaton.local/internal/vaulttest"
	"abaton.local/vault"
	"abaton.local/vault/internal/seal"
)

func cleared(k *seal.Key) (yes bool) {
	defer func() { yes = recover() != nil }()
	k.Bytes()
	return false
}

func shut(s *seal.Sealer) (yes bool) {
	defer func() { yes = recover() != nil }()
	s.Seal(nil, nil, seal.Place{})
	return false
}

// Whatever a vault had in its hands is wiped when it is closed: also keys of a
// change that failed, of a dropped container, and of before a rotation.
func TestCloseWipesEveryKey(t *testing.T) {
	m := make1(t)
	in, dropped := vault.NewID(), vault.NewID()
	m.write(t, in, "a")
	m.write(t, dropped, "b")
	keys, sealers := m.Secrets(), m.Sealers()
	note := func() { keys, sealers = append(keys, m.Secrets()...), append(sealers, m.Sealers()...) }
	for _, k := range keys {
		if cleared(k) {
			t.Fatal("a key in use is cleared") // the control
		}
	}
	if err := m.Write(t.Context(), vault.Edit{Drop: []vault.ID{dropped}}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, k := range keys {
		if cleared(k) {
			n++
		}
	}
	if n != 2 { // the container's and the pages'
		t.Errorf("dropping a container wiped %d keys, want 2", n)
	}
	note()
	if err := m.Rotate(t.Context(), vault.NewKey(), nil); err != nil {
		t.Fatal(err)
	}
	note()
	if err := m.Continue(t.Context()); err != nil {
		t.Fatal(err)
	}
	note()
	m.st.Fail(vaulttest.Failure{At: 1, Forever: true})
	if err := m.Rotate(t.Context(), vault.NewKey(), nil); !errors.Is(err, vaulttest.ErrFault) {
		t.Fatal(err)
	}
	note()
	m.Close()
	for _, k := range keys {
		if !cleared(k) {
			t.Error("a key outlives the vault")
		}
	}
	for _, s := range sealers {
		if !shut(s) {
			t.Error("a sealer outlives the vault")
		}
	}
}

func TestVaultDoesNotPrint(t *testing.T) {
	m := make1(t)
	m.write(t, vault.NewID(), "canary")
	b, _ := json.Marshal(struct{ V any }{m.Vault})
	s := fmt.Sprintf("%v %+v %#v %s %x %d", m.Vault, m.Vault, m.Vault, m.Vault, m.Vault, m.Vault) + string(b)
	if strings.TrimLeft(strings.ReplaceAll(s, "vault …", ""), " ") != `{"V":{}}` {
		t.Errorf("it prints as %s", s)
	}
}
