//go:build soak

package vault_test

import (
	"fmt"
	"testing"

	"abaton.local/vault"
)

// One bit of every byte of a larger vault, flipped: seen.
func TestFlipsOfALargerVault(t *testing.T) {
	m := smallVault(t)
	for range 12 {
		var texts []string
		for range 10 {
			texts = append(texts, fmt.Sprintf("%0600d", len(m.content)))
		}
		m.write(t, vault.NewID(), texts...)
	}
	m.flipAll(t, 9) // the bit's place moves by one from byte to byte
}
