package audit

import (
	"context"
	"time"
)

// signWithin is how long a record may go unsigned.
const signWithin = time.Minute

// Run signs, every minute, what was recorded since. It returns when ctx ends,
// with nil, or when signing fails; it may be called again then.
func (l *Log) Run(ctx context.Context) error {
	tick := time.NewTicker(signWithin)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := l.Sign(); err != nil {
				return err
			}
		}
	}
}

// RunHeads records the heads of all vaults whenever the clock passes a multiple
// of every, changed or not, so that the record tells nothing about who worked
// when: its time is the multiple, and its digest is blinded and differs each
// time. It returns when ctx ends, with nil, or when the log cannot be written.
func (l *Log) RunHeads(ctx context.Context, every time.Duration, heads func() [32]byte) error {
	for {
		now := l.now()
		wait := time.NewTimer(now.Truncate(every).Add(every).Sub(now))
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-wait.C:
		}
		// Rounded anew: the machine may have slept over some multiples.
		at := l.now().Round(0).Truncate(every).Unix()
		err := l.append([]entry{{event: Event{What: Heads, Digest: heads()}, at: at}})
		if err != nil {
			return err
		}
	}
}

// HasHeads reports whether r, a record of Heads, is of these heads of all
// vaults: whether nothing changed since.
func (l *Log) HasHeads(r Record, heads [32]byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken == nil && r.What == Heads && Digest(l.keys.heads(r.Time.Unix(), heads)) == r.Digest
}
