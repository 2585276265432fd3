package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"abaton.local/vault"
)

// Commit is of vault.Store. After an error other than vault.ErrConflict nothing
// was changed as long as this store stays open; the disk may still have had the
// whole of it, which then shows when it is opened again after a crash.
func (s *Store) Commit(ctx context.Context, changes ...vault.Change) error {
	for i := range changes {
		if err := sound(&changes[i]); err != nil {
			return err
		}
	}
	return s.do(ctx, func() error {
		if err := s.exec("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		erased, err := s.apply(changes)
		// From here on nothing interrupts: a commit is whole or undone.
		s.db.SetInterrupt(context.Background())
		if err == nil {
			err = s.exec("COMMIT")
		}
		if err != nil {
			return s.undo(err)
		}
		s.owed = s.owed || erased
		if s.owed {
			// The change is made, whether or not this succeeds now; the next
			// Commit and Close try again.
			_, _, err := s.db.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
			s.owed = err != nil
		}
		return nil
	})
}

// undo takes back an unfinished transaction, which SQLite may have done itself.
func (s *Store) undo(cause error) error {
	if s.db.GetAutocommit() {
		return cause
	}
	if err := s.exec("ROLLBACK"); err != nil && !s.db.GetAutocommit() {
		s.stopped = &Trouble{Kind: Stopped, Path: s.path, Err: errors.Join(cause, err)}
		return s.stopped
	}
	return cause
}

// sound refuses what cannot be kept or read back.
func sound(c *vault.Change) error {
	if c.Destroy {
		return nil
	}
	// A vault that is not there yet may come from another store, which has cut
	// the beginning of its journal.
	next := c.Shell.Seq - uint64(len(c.Append))
	if c.Shell.Seq > maxSeq || uint64(len(c.Append)) > c.Shell.Seq || next != c.From && c.From != 0 {
		return fmt.Errorf("%d journal entries after %d do not end at %d", len(c.Append), c.From, c.Shell.Seq)
	}
	for _, e := range c.Append {
		if next++; e.Seq != next {
			return fmt.Errorf("a journal entry has the number %d instead of %d", e.Seq, next)
		}
		if len(e.Envelope) > vault.MaxRow {
			return fmt.Errorf("a journal entry of %d bytes is too large", len(e.Envelope))
		}
	}
	if len(c.Shell.Header)+len(c.Shell.Slots) > vault.MaxRow {
		return fmt.Errorf("a shell of %d bytes is too large", len(c.Shell.Header)+len(c.Shell.Slots))
	}
	for _, r := range c.Put {
		if len(r.Envelope) > vault.MaxRow {
			return fmt.Errorf("a row of %d bytes is too large", len(r.Envelope))
		}
	}
	return nil
}

// apply makes the changes. erased says whether something went that must leave
// the disk, not only the tables: rows, or a way to unlock.
func (s *Store) apply(changes []vault.Change) (erased bool, err error) {
	for i := range changes {
		e, err := s.change(&changes[i])
		if err != nil {
			return false, err
		}
		erased = erased || e
	}
	return erased, nil
}

func (s *Store) change(c *vault.Change) (erased bool, err error) {
	id := c.Vault[:]
	var seq uint64
	err = s.query(SQLSeq, func(q *sqlite3.Stmt) (_ bool, err error) {
		seq, err = seqIn(q, 0)
		erased = !q.ColumnBool(1)
		return false, err
	}, id, c.Shell.Slots)
	if err != nil {
		return false, err
	}
	if seq != c.From {
		return false, vault.ErrConflict
	}
	if c.Destroy {
		return true, errors.Join(s.exec(SQLDestroyRows, id), s.exec(SQLDestroyJrn, id), s.exec(SQLDestroyShell, id))
	}
	for _, e := range c.Append {
		if err := s.exec(SQLAppend, id, int64(e.Seq), e.Envelope); err != nil {
			return false, err
		}
	}
	if c.Cut > 0 {
		if err := s.exec(SQLCut, id, int64(min(c.Cut, maxSeq))); err != nil {
			return false, err
		}
	}
	for _, r := range c.Put {
		if err := s.exec(SQLPut, id, r.ID[:], r.Envelope); err != nil {
			return false, err
		}
	}
	for _, d := range c.Delete {
		if err := s.exec(SQLDelete, id, d[:]); err != nil {
			return false, err
		}
	}
	return erased || len(c.Delete) > 0, s.exec(SQLPutShell, id, int64(c.Shell.Seq), c.Shell.Header, c.Shell.Slots)
}
