package audit

import "time"

// RecordDaily puts events on the log of which the day may be known and not the
// moment: with the time of the last midnight (UTC), or of the newest record where
// that is later. The caller hands them in when its own schedule says so and not
// when they happened, for the records before and after tell a time as well. It
// returns when all of them are on the disk for good.
func (l *Log) RecordDaily(events []Event) error {
	midnight := l.now().UTC().Truncate(24 * time.Hour).Unix()
	list := make([]entry, len(events))
	for i, e := range events {
		if err := e.check(); err != nil {
			return err
		}
		list[i] = entry{event: e, at: max(midnight, 1)} // 0 would be now
	}
	return l.append(list)
}
