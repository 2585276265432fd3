// Package sqlite keeps vaults in one SQLite file: it is a vault.Store. It sees
// random identifiers and sealed bytes only. Its part is that what Commit has
// acknowledged survives crashes, power cuts and full disks, and that only one
// program has the file; whether rows are whole and all there is for package
// vault to tell.
//
//	st, err := sqlite.Open(ctx, filepath.Join(data, "vault", "store.db"))
//	defer st.Close()
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/ncruces/go-sqlite3"
)

// Store is a vault.Store in a file. It has one connection, for SQLite locked to
// one process allows no second; calls take turns, and long readings give the
// turn away between their batches. It is safe for concurrent use.
type Store struct {
	path string
	file io.Closer // what holds the file for us

	turn    chan struct{} // holds one token: who has it may use what follows
	db      *sqlite3.Conn // nil once closed
	sql     map[string]*sqlite3.Stmt
	owed    bool  // deleted bytes are still in the write-ahead log
	stopped error // after a panic inside SQLite, whose memory may be anything
}

// Open opens the store in the file path, and makes it where there is none. Why
// it cannot is a *Trouble wherever something can be done about it.
func Open(ctx context.Context, path string) (*Store, error) {
	p, err := openPlace(path)
	if err != nil {
		return nil, explain(ctx, path, err)
	}
	s, err := open(ctx, p.path, p.uri(), pragmas(), p)
	if err != nil {
		p.Close()
		return nil, err
	}
	return s, nil
}

// open opens what uri names; path is for words. With the store, held is closed.
func open(ctx context.Context, path, uri string, list []pragma, held io.Closer) (s *Store, err error) {
	s = &Store{path: path, file: held, turn: make(chan struct{}, 1), sql: make(map[string]*sqlite3.Stmt)}
	s.turn <- struct{}{}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("SQLite: %v", v)
			s, err = nil, &Trouble{Kind: Damaged, Path: path, Err: err}
		}
	}()
	if s.db, err = connect(ctx, uri, list); err != nil {
		if t := new(Trouble); errors.As(err, &t) {
			t.Path = path
		}
		return nil, explain(ctx, path, err)
	}
	return s, nil
}

// do runs f with the connection to itself. ctx stops what f is at, and the
// waiting before.
func (s *Store) do(ctx context.Context, f func() error) (err error) {
	select {
	case <-s.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { s.turn <- struct{}{} }()
	switch {
	case s.stopped != nil:
		return s.stopped
	case s.db == nil:
		return fmt.Errorf("the store %s: %w", s.path, fs.ErrClosed)
	}
	// A damaged file may lead SQLite astray inside its own memory, and its
	// wrapper panics when that memory is used up. Neither reaches our memory, but
	// the connection cannot be used again.
	defer func() {
		if v := recover(); v != nil {
			s.stopped = &Trouble{Kind: Stopped, Path: s.path, Err: fmt.Errorf("SQLite: %v", v)}
			err = s.stopped
		}
	}()
	s.db.SetInterrupt(ctx)
	defer func() { s.db.SetInterrupt(context.Background()) }()
	return explain(ctx, s.path, f())
}

// statement gives the statement with that text, ready to be bound. It must be
// run to its end or reset before the turn ends.
func (s *Store) statement(text string) (*sqlite3.Stmt, error) {
	if q := s.sql[text]; q != nil {
		return q, nil
	}
	q, _, err := s.db.PrepareFlags(text, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	s.sql[text] = q
	return q, nil
}

// bind binds values by their type: identifiers and bytes as blobs.
func bind(q *sqlite3.Stmt, values ...any) error {
	for i, v := range values {
		var err error
		switch v := v.(type) {
		case int64:
			err = q.BindInt64(i+1, v)
		case []byte:
			if v == nil {
				v = []byte{} // a NULL otherwise
			}
			err = q.BindBlob(i+1, v)
		default:
			err = sqlite3.MISUSE
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// exec runs a statement that gives no rows.
func (s *Store) exec(text string, values ...any) error {
	q, err := s.statement(text)
	if err != nil {
		return err
	}
	if err := bind(q, values...); err != nil {
		return err
	}
	return errors.Join(q.Exec(), q.ClearBindings())
}

// query runs a statement and calls row at each row until it says to stop.
func (s *Store) query(text string, row func(*sqlite3.Stmt) (more bool, err error), values ...any) error {
	q, err := s.statement(text)
	if err != nil {
		return err
	}
	defer q.ClearBindings()
	defer q.Reset()
	if err := bind(q, values...); err != nil {
		return err
	}
	for q.Step() {
		if more, err := row(q); err != nil || !more {
			return err
		}
	}
	return q.Err()
}

// Close writes everything into the one file and lets go of it. Calls after it,
// and readings it interrupts, fail. What was acknowledged is kept even when
// Close fails.
func (s *Store) Close() error {
	<-s.turn
	defer func() { s.turn <- struct{}{} }()
	if s.db == nil {
		return nil
	}
	err := s.shut()
	s.db = nil
	return errors.Join(explain(context.Background(), s.path, err), s.file.Close())
}

func (s *Store) shut() (err error) {
	defer func() {
		if v := recover(); v != nil && s.stopped == nil {
			err = fmt.Errorf("SQLite: %v", v)
		}
	}()
	for _, q := range s.sql {
		q.Close()
	}
	if s.stopped != nil {
		// Its memory is not to be trusted with another write.
		s.db.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true)
		s.db.Close()
		return nil
	}
	_, _, err = s.db.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	return errors.Join(err, s.db.Close())
}
