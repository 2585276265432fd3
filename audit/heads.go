package audit

import "time"

// Bind puts the heads of all vaults together on the log, once for each of the
// times, and returns when that is there for good and signed: nobody without the
// key takes it away again but with the whole folder. Each record stands alone,
// so that nobody sees which were written at once. Its digest is blinded and
// differs each time, so that equal heads look different. Times that are to come
// are now.
func (l *Log) Bind(heads [32]byte, at ...time.Time) error {
	for _, t := range at {
		e := entry{event: Event{What: Heads, Detail: Bound, Digest: heads}, at: t.Round(0).Unix()}
		if err := l.append([]entry{e}); err != nil {
			return err
		}
	}
	return l.Sign()
}

// Bound tells the time of the newest record that Bind wrote, and which of the
// given heads it is of: -1 for none of them. Where there is no such record, the
// time is zero.
func (l *Log) Bound(heads ...[32]byte) (at time.Time, which int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, h := range heads {
		if l.broken == nil && l.isOf(l.heads, h) {
			return l.heads.Time, i
		}
	}
	return l.heads.Time, -1
}

// HasHeads reports whether r, a record of Heads, is of these heads of all
// vaults: whether nothing changed since.
func (l *Log) HasHeads(r Record, heads [32]byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken == nil && l.isOf(r, heads)
}

// isOf is HasHeads. The caller holds mu.
func (l *Log) isOf(r Record, heads [32]byte) bool {
	return r.What == Heads && Digest(l.keys.heads(r.Time.Unix(), heads)) == r.Digest
}

// noteHeads keeps the newest record that Bind wrote. The caller holds mu.
func (l *Log) noteHeads(r Record) {
	if r.What == Heads && r.Detail == Bound {
		l.heads = r
	}
}
