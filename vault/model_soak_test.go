//go:build soak

package vault_test

import "testing"

// Ten thousand sequences.
func TestManySequencesAgainstAMap(t *testing.T) { sequences(t, 100) }
