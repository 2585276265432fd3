package sqlite

import (
	"context"
	"fmt"
	"iter"

	"github.com/ncruces/go-sqlite3"

	"abaton.local/vault"
)

// A reading takes the turn for one batch at a time: whoever loops over it may
// call the store again, and writers do not wait for slow readers.
const (
	batchRows  = 512
	batchBytes = 4 << 20
)

// Vaults is of vault.Store.
func (s *Store) Vaults(ctx context.Context) (ids []vault.ID, err error) {
	err = s.do(ctx, func() error {
		ids = nil
		return s.query(SQLVaults, func(q *sqlite3.Stmt) (bool, error) {
			id, err := idIn(q, 0)
			ids = append(ids, id)
			return true, err
		})
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// Shell is of vault.Store.
func (s *Store) Shell(ctx context.Context, id vault.ID) (shell vault.Shell, err error) {
	found := false
	err = s.do(ctx, func() error {
		return s.query(SQLShell, func(q *sqlite3.Stmt) (_ bool, err error) {
			found = true
			shell.Seq, err = seqIn(q, 0)
			shell.Header = q.ColumnBlob(1, nil)
			shell.Slots = q.ColumnBlob(2, nil)
			return false, err
		}, id[:])
	})
	switch {
	case err != nil:
		return vault.Shell{}, err
	case !found:
		return vault.Shell{}, vault.ErrNoVault
	}
	return shell, nil
}

// Journal is of vault.Store.
func (s *Store) Journal(ctx context.Context, id vault.ID, from uint64) iter.Seq2[vault.Entry, error] {
	return func(yield func(vault.Entry, error) bool) {
		for from <= maxSeq {
			var batch []vault.Entry
			size := 0
			err := s.do(ctx, func() error {
				return s.query(SQLJournal, func(q *sqlite3.Stmt) (bool, error) {
					seq, err := seqIn(q, 0)
					if err != nil {
						return false, err
					}
					batch = append(batch, vault.Entry{Seq: seq, Envelope: q.ColumnBlob(1, nil)})
					size += len(batch[len(batch)-1].Envelope)
					return len(batch) < batchRows && size < batchBytes, nil
				}, id[:], int64(from))
			})
			if err != nil {
				yield(vault.Entry{}, err)
				return
			}
			for _, e := range batch {
				if e.Seq < from { // an index out of order would lead us in circles
					yield(vault.Entry{}, s.damage("its journal is out of order"))
					return
				}
				from = e.Seq + 1
				if !yield(e, nil) {
					return
				}
			}
			if len(batch) < batchRows && size < batchBytes {
				return
			}
		}
	}
}

// Rows is of vault.Store.
func (s *Store) Rows(ctx context.Context, id vault.ID, named ...vault.ID) iter.Seq2[vault.Row, error] {
	if len(named) > 0 {
		return s.named(ctx, id, named)
	}
	return func(yield func(vault.Row, error) bool) {
		last := []byte{} // comes before every identifier
		for {
			var batch []vault.Row
			size := 0
			err := s.do(ctx, func() error {
				return s.query(SQLRows, func(q *sqlite3.Stmt) (bool, error) {
					row, err := rowIn(q)
					if err != nil {
						return false, err
					}
					batch = append(batch, row)
					size += len(row.Envelope)
					return len(batch) < batchRows && size < batchBytes, nil
				}, id[:], last)
			})
			if err != nil {
				yield(vault.Row{}, err)
				return
			}
			for i := range batch {
				if string(batch[i].ID[:]) <= string(last) {
					yield(vault.Row{}, s.damage("its index is out of order"))
					return
				}
				last = batch[i].ID[:]
				if !yield(batch[i], nil) {
					return
				}
			}
			if len(batch) < batchRows && size < batchBytes {
				return
			}
		}
	}
}

// named gives the rows of that name, in the order asked for.
func (s *Store) named(ctx context.Context, id vault.ID, named []vault.ID) iter.Seq2[vault.Row, error] {
	return func(yield func(vault.Row, error) bool) {
		for rest := named; len(rest) > 0; {
			var batch []vault.Row
			size, done := 0, 0
			err := s.do(ctx, func() error {
				for done < len(rest) && done < batchRows && size < batchBytes {
					err := s.query(SQLRow, func(q *sqlite3.Stmt) (bool, error) {
						batch = append(batch, vault.Row{ID: rest[done], Envelope: q.ColumnBlob(0, nil)})
						size += len(batch[len(batch)-1].Envelope)
						return false, nil
					}, id[:], rest[done][:])
					if err != nil {
						return err
					}
					done++
				}
				return nil
			})
			if err != nil {
				yield(vault.Row{}, err)
				return
			}
			rest = rest[done:]
			for _, row := range batch {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

func (s *Store) damage(what string) error {
	return &Trouble{Kind: Damaged, Path: s.path, Err: fmt.Errorf("%s", what)}
}

func rowIn(q *sqlite3.Stmt) (row vault.Row, err error) {
	row.ID, err = idIn(q, 0)
	row.Envelope = q.ColumnBlob(1, nil)
	return row, err
}

// idIn reads an identifier that the file may have made anything of.
func idIn(q *sqlite3.Stmt, col int) (id vault.ID, err error) {
	if b := q.ColumnRawBlob(col); q.ColumnType(col) != sqlite3.BLOB || copy(id[:], b) != len(id) || len(b) != len(id) {
		return id, fmt.Errorf("an identifier is none: %w", sqlite3.MISMATCH)
	}
	return id, nil
}

// maxSeq is the greatest number that SQLite holds.
const maxSeq = 1<<63 - 1

func seqIn(q *sqlite3.Stmt, col int) (uint64, error) {
	n := q.ColumnInt64(col)
	if q.ColumnType(col) != sqlite3.INTEGER || n < 0 {
		return 0, fmt.Errorf("a number is none: %w", sqlite3.MISMATCH)
	}
	return uint64(n), nil
}
