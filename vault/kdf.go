package vault

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"golang.org/x/crypto/argon2"
)

// Cost says how hard a passphrase is to guess at: the parameters of Argon2id
// version 1.3 (RFC 9106). The zero Cost stands for a calibrated one.
type Cost struct {
	Memory uint32 `json:"memory"` // KiB
	Passes uint32 `json:"passes"`
	Lanes  uint8  `json:"lanes"`
}

// Floors and ceilings of what a slot may ask for. They are compiled in, for
// whoever can write the store could otherwise weaken a slot, or make the
// machine choke on one. The floor is OWASP's least setting.
const (
	floorMemory, ceilingMemory = 19 << 10, 256 << 10 // KiB
	floorPasses, ceilingPasses = 2, 10
	floorLanes, ceilingLanes   = 1, 8
)

// FloorCost is the least that is accepted: for a machine with very little
// memory, and for tests.
func FloorCost() Cost { return Cost{Memory: floorMemory, Passes: floorPasses, Lanes: floorLanes} }

// usualCost is what RFC 9106 recommends where memory is short.
func usualCost() Cost { return Cost{Memory: 64 << 10, Passes: 3, Lanes: 4} }

var (
	errWeakCost  = errors.New("its passphrase would be easier to guess at than this program allows: somebody changed the file, or a program that is not Abaton wrote it")
	errHeavyCost = errors.New("its passphrase would need more memory or time than this program allows: somebody changed the file, or a program that is not Abaton wrote it")
)

func (c Cost) check() error {
	switch {
	case c.Memory < floorMemory || c.Passes < floorPasses || c.Lanes < floorLanes:
		return errWeakCost
	case c.Memory > ceilingMemory || c.Passes > ceilingPasses || c.Lanes > ceilingLanes:
		return errHeavyCost
	}
	return nil
}

// Between these two lies the time that one unlocking should take.
const (
	leastUnlock = 300 * time.Millisecond
	mostUnlock  = 500 * time.Millisecond
)

// Calibrate finds the cost that makes one unlocking take 300 to 500 ms on this
// machine, or what comes nearest within the bounds. It takes about a second.
func Calibrate(now func() time.Time) Cost {
	defer debug.FreeOSMemory() // what was measured with may be half a gigabyte
	return calibrate(func(c Cost) time.Duration {
		best := time.Hour
		for range 2 { // the better of two: the first pays for fresh memory
			from := now()
			argon2.IDKey([]byte("calibration"), make([]byte, 16), c.Passes, c.Memory, c.Lanes, 32)
			best = min(best, now().Sub(from))
		}
		return best
	})
}

// calibrate thinks for Calibrate. Time grows with memory times passes; memory
// is what makes guessing dear, so it is raised first and lowered last.
func calibrate(measure func(Cost) time.Duration) Cost {
	c := usualCost()
	took := measure(c)
	for took < leastUnlock && c.Memory < ceilingMemory && 2*took <= mostUnlock {
		c.Memory *= 2
		took = measure(c)
	}
	for took < leastUnlock && c.Passes < ceilingPasses && took+took/time.Duration(c.Passes) <= mostUnlock {
		took += took / time.Duration(c.Passes)
		c.Passes++
	}
	if took > mostUnlock {
		c.Passes = floorPasses
		took = measure(c)
	}
	for took > mostUnlock && c.Memory > floorMemory {
		c.Memory = max(c.Memory/2, floorMemory)
		took = measure(c)
	}
	return c
}

// stove is where passphrases are stretched: two at a time, so that many who
// knock at once cannot exhaust the memory. It is safe for concurrent use.
type stove struct {
	seats chan struct{}
}

const stoveSeats = 2

func newStove() *stove { return &stove{seats: make(chan struct{}, stoveSeats)} }

// stretch turns a passphrase into 32 bytes in dst. It waits for a seat, and
// gives up when the context ends.
func (s *stove) stretch(ctx context.Context, dst *[32]byte, passphrase []byte, c Cost, salt [16]byte) error {
	if err := c.check(); err != nil {
		return err
	}
	select {
	case s.seats <- struct{}{}:
		defer func() { <-s.seats }()
	case <-ctx.Done():
		return fmt.Errorf("waiting for other unlockings: %w", ctx.Err())
	}
	var err error
	guarded(func() {
		var plain []byte
		if plain, err = normalised(passphrase); err == nil {
			copy(dst[:], argon2.IDKey(plain, salt[:], c.Passes, c.Memory, c.Lanes, 32))
		}
	})
	// While the seat is still ours: copies of the passphrase go, and the memory
	// goes back, for the heap may have no hole of that size for the next one.
	debug.FreeOSMemory()
	return err
}
