package sqlite

import (
	"testing"

	"abaton.local/internal/vaulttest"
	"abaton.local/vault"
)

func TestSuite(t *testing.T) {
	vaulttest.Suite(t, func(t *testing.T) vault.Store {
		st, _ := newStore(t)
		return st
	})
}
