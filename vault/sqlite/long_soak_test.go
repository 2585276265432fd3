//go:build soak

package sqlite

import (
	"math/rand/v2"
	"testing"
)

// The long parts of what the other files try shortly.

func TestPowerCutSoak(t *testing.T) { powerCuts(t, 20_000, 1000) }

func TestKillSoak(t *testing.T) { kills(t, 1000) }

// TestBitFlipsSoak turns every bit of a small store, and one bit of each byte of
// a larger one.
func TestBitFlipsSoak(t *testing.T) {
	t.Run("every bit", func(t *testing.T) {
		f := newFlips(t, 2)
		f.run(t, func(yield func(int) bool) {
			for bit := range len(f.image) * 8 {
				if !yield(bit) {
					return
				}
			}
		})
	})
	t.Run("every byte", func(t *testing.T) {
		f := newFlips(t, 30)
		r := rand.New(rand.NewPCG(141, 5))
		f.run(t, func(yield func(int) bool) {
			for i := range f.image {
				if !yield(i*8 + r.IntN(8)) {
					return
				}
			}
		})
	})
}
