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
