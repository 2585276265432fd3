//go:build fixture

package vault_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"abaton.local/vault"
)

// TestWriteFixture makes the fixture of the present format, once per format:
// go test -tags fixture -run WriteFixture ./vault. It never replaces one.
func TestWriteFixture(t *testing.T) {
	const name = "testdata/vault-1"
	if _, err := os.Stat(name + ".image"); err == nil {
		t.Fatal("the fixture is there already, and must stay as it is")
	}
	m := smallVault(t)
	for range 110 { // a second snapshot when it is closed
		if err := m.ReplaceSlots(t.Context(), []byte("slots")); err != nil {
			t.Fatal(err)
		}
	}
	m.write(t, vault.NewID(), "in a container of its own", "Τὸ ἄβατον: 内殿")
	root := fmt.Sprintf("%x", m.root.Bytes())
	m.Close()
	v, err := m.reopen(t.Context(), m.st, vault.Head{})
	if err != nil {
		t.Fatal(err)
	}
	m.Vault = v
	m.write(t, vault.NewID(), "after the snapshot")
	lines := []string{fmt.Sprintf("vault %x\nroot %s", m.id[:], root)}
	for id, s := range m.content {
		lines = append(lines, fmt.Sprintf("record %x %x", id[:], s))
	}
	slices.Sort(lines[1:])
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	for end, b := range map[string]string{".image": string(m.st.Dump()), ".txt": strings.Join(lines, "\n") + "\n"} {
		if err := os.WriteFile(name+end, []byte(b), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
