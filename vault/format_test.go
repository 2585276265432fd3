package vault_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"abaton.local/internal/vaulttest"
	"abaton.local/vault"
)

func contentOf(m map[vault.ID]string) map[[16]byte]string {
	c := make(map[[16]byte]string, len(m))
	for id, s := range m {
		c[id] = s
	}
	return c
}

// What the vault writes, a reader made from the document reads.
func TestSecondReader(t *testing.T) {
	m := make1(t)
	in := vault.NewID()
	m.write(t, in, "", "one", strings.Repeat("large ", 200_000), strings.Repeat("x", 3<<20))
	for i := range 300 { // two pages of the ring, and a snapshot
		m.write(t, vault.NewID(), fmt.Sprint(i))
	}
	try := func(state string) {
		t.Helper()
		found, slots, err := readSecond(m.st.Dump(), m.id, m.root.Bytes())
		if err == nil {
			err = sameAsSecond(found, contentOf(m.content))
		}
		if set, _ := m.Slots(); err != nil || !bytes.Equal(slots, set) {
			t.Fatalf("%s: %v", state, err)
		}
	}
	try("journal only")
	head := m.Head()
	m.Close()
	var err error
	if m.Vault, err = m.reopen(t.Context(), m.st, head); err != nil {
		t.Fatal(err)
	}
	try("with a snapshot")
	for _, r := range m.List(0, vault.ID{})[:50] {
		if r.Container != in {
			if err := m.Write(t.Context(), vault.Edit{Drop: []vault.ID{r.Container}}); err != nil {
				t.Fatal(err)
			}
			delete(m.content, r.ID)
		}
	}
	try("containers dropped")
	m.root = vault.NewKey()
	if err := m.Rotate(t.Context(), m.root, []byte("others")); err != nil {
		t.Fatal(err)
	}
	m.write(t, in, "of the new generation")
	try("rotated")
	for m.Left() != 0 {
		if err := m.Continue(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	try("resealed")

	// Control: it refuses what was changed.
	image := m.st.Dump()
	image[len(image)-1] ^= 1
	if _, _, err := readSecond(image, m.id, m.root.Bytes()); err == nil {
		t.Error("the second reader reads a changed row")
	}
}

// Every vault that a released version wrote opens for ever, with both readers.
func TestFixturesOpen(t *testing.T) {
	names, err := filepath.Glob("testdata/vault-*.image")
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, name := range names {
		image, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m := readFixture(t, strings.TrimSuffix(name, ".image")+".txt")
		if m.st, err = vaulttest.Load(image); err != nil {
			t.Fatal(err)
		}
		if err := m.inspect(t, m.st, vault.Head{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		found, _, err := readSecond(image, m.id, m.root.Bytes())
		if err == nil {
			err = sameAsSecond(found, contentOf(m.content))
		}
		if err != nil {
			t.Errorf("%s, second reader: %v", name, err)
		}
	}
}

// readFixture reads what is in a fixture: lines of a word and its values, in
// hexadecimal.
func readFixture(t *testing.T, path string) *made {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := &made{content: make(map[vault.ID]string)}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		first, second, _ := strings.Cut(rest, " ")
		a, err := hex.DecodeString(first)
		b, err2 := hex.DecodeString(second)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		switch word {
		case "vault":
			m.id = vault.ID(a)
		case "root":
			m.root = vault.NewKey()
			copy(m.root.Bytes(), a)
		case "record":
			m.content[vault.ID(a)] = string(b)
		}
	}
	return m
}
