package vault

import (
	"errors"
	"fmt"
	"time"
)

// Remembered heads and shared record hold each other to the same age. What is
// on the record is the digest of a memory that was written to its file just
// before; and what is written to the file later names that digest. So whatever
// moment a program ends at, the newest digest on the record is either the
// file's own or the one that the file names. With an older file it is neither.

// bind writes the marks and then puts their digest on the record, at each of
// the times. After the record has failed once nobody knows what is on it, and
// the file says so; the next start finds out.
func (r *remembered) bind(record Recorder, at ...time.Time) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	digest, err := r.replace()
	if err != nil || len(at) == 0 {
		return err
	}
	r.mu.Lock()
	torn := r.torn
	r.mu.Unlock()
	if torn {
		return errors.New("remembering how far each vault has got: the shared record could not be written: mend the disk, then start again")
	}
	err = record.Bind(digest, at...)
	r.mu.Lock()
	if err != nil {
		r.file.tried, r.torn = digest, true
	} else {
		r.file.bound, r.file.tried = digest, [32]byte{}
	}
	r.mu.Unlock()
	if err != nil {
		// What is on the disk already is sound either way; this names both.
		_, _ = r.replace()
		return fmt.Errorf("remembering how far each vault has got: the shared record: %w", err)
	}
	return nil
}

// settle holds the file against the record. Current says that the file is no
// older than the record, nor the record than the file; at is when the record
// was last given a digest. A lost file is no older: everybody is asked anyway.
func (r *remembered) settle(record Recorder) (at time.Time, current bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost {
		at, _ = record.Bound()
		return at, true
	}
	candidates := [][32]byte{r.file.digest(), r.file.bound, r.file.tried}
	at, which := record.Bound(candidates...)
	if at.IsZero() {
		return at, r.file.bound == [32]byte{}
	}
	if which < 0 {
		return at, false
	}
	r.file.bound, r.file.tried = candidates[which], [32]byte{}
	return at, true
}

// doubtAll says of all vaults that what is remembered of them may be old.
func (r *remembered) doubtAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, k := range r.file.marks {
		k.doubt = true
		r.file.marks[id] = k
	}
}

// The schedule is fixed, so that the record tells when a server ran and never
// who worked: every quarter of an hour, and when it starts and stops, with the
// time of the quarter before. Programs that run only while a person works leave
// nothing of that: the first one after a midnight (UTC) puts one digest there
// for each midnight since the last, whether or not anything ran in between.

// longestCatchUp is how many midnights are caught up with at most.
const longestCatchUp = 366

// due gives the times for which a digest is missing on the record at a start.
func (d *Directory) due(last time.Time) (at []time.Time) {
	now := d.config.Now()
	const day = 24 * time.Hour
	if last.IsZero() {
		last = now.Add(-day) // the first one
	}
	for t := now.Truncate(day); t.After(last) && len(at) < longestCatchUp; t = t.Add(-day) {
		at = append([]time.Time{t}, at...)
	}
	if d.config.Serving {
		at = append(at, now.Truncate(rememberedEvery))
	}
	if d.stale || d.heads.lost {
		at = append(at, now) // beside the acceptance
	}
	return at
}

// scheduled remembers all heads because it is time, or a server starts or stops.
func (d *Directory) scheduled() error {
	d.noteAll()
	if !d.config.Serving {
		return d.heads.write()
	}
	return d.heads.bind(d.config.Audit, d.config.Now().Truncate(rememberedEvery))
}

// bindNow remembers all heads beside something that goes on the record with its
// time anyway.
func (d *Directory) bindNow() error {
	d.noteAll()
	return d.heads.bind(d.config.Audit, d.config.Now())
}
