package egress

import (
	"errors"
	"fmt"
	"time"
)

// A server that lets one byte drip just before each stall would hold a fetch
// for ever, and so would one that hangs up after each byte. 1 KiB a second is
// less than a telephone line gave.
const (
	slowest = 1 << 10     // bytes in a second, on average
	judged  = time.Minute // over so long a time
	least   = slowest * int64(judged/time.Second)
)

// ErrSlow says that a server sends, but so little that the file would never be
// whole.
var ErrSlow = errors.New("it sends too slowly")

func tooSlow() error {
	return fmt.Errorf("%w, less than %d bytes a second; what came is kept: try again later, or from another mirror", ErrSlow, slowest)
}

// pace measures what came since a moment.
type pace struct {
	since time.Time
	done  int64 // bytes, then
}

// slow is an error when span went by and less than least came in it. At the
// end of a good span the next begins.
func (p *pace) slow(now time.Time, done int64, span time.Duration) error {
	if now.Sub(p.since) < span {
		return nil
	}
	if done-p.done < least {
		return tooSlow()
	}
	*p = pace{now, done}
	return nil
}

// fair reports whether what came is worth the time since then, pauses and
// failures included.
func (p pace) fair(now time.Time, done int64) bool {
	return done > p.done && float64(done-p.done) >= slowest*now.Sub(p.since).Seconds()
}
