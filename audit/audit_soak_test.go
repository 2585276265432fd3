//go:build soak

package audit

import "testing"

func TestSoakPowerCuts(t *testing.T)   { powerCuts(t, 20000, false) }
func TestSoakKills(t *testing.T)       { kills(t, 1000) }
func TestSoakFlippedBits(t *testing.T) { flipLarge(t, 60000) }
