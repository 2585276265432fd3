package vault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"abaton.local/internal/vaulttest"
	"abaton.local/vault"
)

// smallVault is a vault with a bit of everything in it.
func smallVault(t testing.TB) *made {
	m := make1(t)
	in := vault.NewID()
	ids := m.write(t, in, "one", "two", "three")
	m.write(t, vault.NewID(), "elsewhere")
	if err := m.Write(t.Context(), vault.Edit{Delete: ids[1:2]}); err != nil {
		t.Fatal(err)
	}
	delete(m.content, ids[1])
	m.root = vault.NewKey()
	if err := m.Rotate(t.Context(), m.root, []byte("slots")); err != nil { // a snapshot
		t.Fatal(err)
	}
	m.write(t, in, "four")
	return m
}

// flipped tells how a vault whose image had a bit flipped looks to its person,
// who remembers its head: detected, or nil with the same content.
func (m *made) flipped(ctx context.Context, image []byte, head vault.Head) (detected bool, err error) {
	st, err := vaulttest.Load(image)
	if err != nil {
		return true, nil
	}
	v, err := m.reopen(ctx, st, head)
	if err != nil {
		return true, nil
	}
	verified, held := v.Verify(ctx), holds(ctx, v, m.content)
	_, damaged := errors.AsType[*vault.Damage](held)
	switch {
	case held != nil && !damaged:
		return false, fmt.Errorf("silently other content: %w", held)
	case held != nil && verified == nil:
		return true, fmt.Errorf("reading finds what Verify does not: %w", held)
	}
	return held != nil || verified != nil, nil
}

func (m *made) flipAll(t *testing.T, every int) {
	image, head := m.st.Dump(), m.Head()
	if seen, err := m.flipped(t.Context(), image, head); seen || err != nil {
		t.Fatalf("the untouched image: seen %v, %v", seen, err)
	}
	harmless := 0
	for bit := 0; bit < 8*len(image); bit += every {
		image[bit/8] ^= 1 << (bit % 8)
		seen, err := m.flipped(t.Context(), image, head)
		if err != nil {
			t.Fatalf("bit %d of byte %d: %v", bit%8, bit/8, err)
		}
		if !seen {
			harmless++
		}
		image[bit/8] ^= 1 << (bit % 8)
	}
	t.Logf("%d bytes, %d flips, %d harmless", len(image), (8*len(image)+every-1)/every, harmless)
	if harmless > 0 {
		t.Errorf("%d flips changed nothing: every bit of an image is of use", harmless)
	}
}

// Every bit of a small vault, flipped: seen.
func TestEveryBitFlip(t *testing.T) { smallVault(t).flipAll(t, 1) }

// Control: content that changed with nothing to show for it is what flipAll
// fails on.
func TestFlipTestSees(t *testing.T) {
	m := smallVault(t)
	for id := range m.content {
		m.content[id] += "!"
		break
	}
	if _, err := m.flipped(t.Context(), m.st.Dump(), m.Head()); err == nil {
		t.Error("other content was taken for the same")
	}
}
