package ggufgen

import (
	"math"
	"testing"
)

func TestRoundedHalf(t *testing.T) {
	for v, want := range map[float32]uint16{
		0: 0, 1: 0x3c00, -1: 0xbc00, 0.5: 0x3800, 65504: 0x7bff, 65519: 0x7bff, 65520: 0x7c00, 1e30: 0x7c00,
		0x1p-14: 0x0400, 0x1p-24: 1, 0x1p-25: 0, 0x1.8p-25: 1, 0x1.ff8p-15: 0x03ff, 0x1.ffcp-15: 0x0400, 0x1.fffp-15: 0x0400,
		1 + 0x1p-11: 0x3c00, 1 + 3*0x1p-11: 0x3c02, 1 + 0x1.8p-11: 0x3c01, 2 - 0x1p-12: 0x4000, float32(math.Inf(1)): 0x7c00,
	} {
		if got := roundedHalf(v); got != want {
			t.Errorf("%g: %#04x, not %#04x", v, got, want)
		}
	}
}
