package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/ncruces/go-sqlite3"
)

// Trouble is why a store cannot be opened or used. Its text is a sentence for
// people that says what to do next; Err is the cause.
type Trouble struct {
	Kind Kind
	Path string // of the store's file
	Err  error
}

// Kind is a kind of trouble.
type Kind int

// The kinds. After any of them nothing that was acknowledged is lost, short of
// what a damaged file or a broken disk has lost itself.
const (
	InUse    Kind = iota + 1 // by another program
	Newer                    // written by a later version
	Foreign                  // not a store of ours, or its tables were changed
	Damaged                  // its bytes make no sense
	ReadOnly                 // cannot be written
	Full                     // the disk is
	Failing                  // the disk reports errors
	Stopped                  // SQLite gave up; only opening it anew helps
)

// Error says what happened and what to do.
func (t *Trouble) Error() string {
	switch t.Kind {
	case InUse:
		return fmt.Sprintf("%s is in use by another Abaton: stop `abaton serve` or the program that holds it, or let your verb talk to that server", t.Path)
	case Newer:
		return fmt.Sprintf("%s was written by a newer Abaton (%v): use that version, or restore a backup made by this one; nothing was changed", t.Path, t.Err)
	case Foreign:
		return fmt.Sprintf("%s is not as Abaton made it (%v): move it away and restore a backup, or name another data folder; nothing was changed", t.Path, t.Err)
	case Damaged:
		return fmt.Sprintf("%s is damaged (%v): stop Abaton, copy the file and its -wal file away, check the disk, then restore a backup", t.Path, t.Err)
	case ReadOnly:
		return fmt.Sprintf("%s cannot be written (%v): make its folder and disk writable for the account that runs Abaton; nothing is lost", t.Path, t.Err)
	case Full:
		return fmt.Sprintf("the disk of %s is full: free some space and try again; what was acknowledged is kept, what was refused just now is not", t.Path)
	case Failing:
		return fmt.Sprintf("the disk of %s reports an error (%v): make a backup at once and check the disk; what was refused just now is not kept", t.Path, t.Err)
	case Stopped:
		return fmt.Sprintf("the store %s stopped working (%v): start Abaton again; what was acknowledged is kept", t.Path, t.Err)
	default:
		return fmt.Sprintf("the store %s: %v", t.Path, t.Err)
	}
}

// Unwrap gives the cause.
func (t *Trouble) Unwrap() error { return t.Err }

// explain turns what SQLite or the system says into Trouble. Errors that are
// explained already, and ctx's, pass.
func explain(ctx context.Context, path string, err error) error {
	if err == nil {
		return nil
	}
	if t := new(Trouble); errors.As(err, &t) {
		return err
	}
	if errors.Is(err, sqlite3.INTERRUPT) && ctx.Err() != nil {
		return ctx.Err()
	}
	kind := kindOf(err)
	if kind == 0 {
		return fmt.Errorf("the store %s: %w", path, err)
	}
	return &Trouble{Kind: kind, Path: path, Err: err}
}

func kindOf(err error) Kind {
	is := func(targets ...error) bool {
		for _, t := range targets {
			if errors.Is(err, t) {
				return true
			}
		}
		return false
	}
	switch { // our statements are sound: what SQLite finds wrong with them lies in the file
	case is(sqlite3.BUSY, sqlite3.LOCKED, sqlite3.PROTOCOL):
		return InUse
	case is(sqlite3.FULL, syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG):
		return Full
	case is(sqlite3.READONLY, sqlite3.PERM, syscall.EROFS, fs.ErrPermission):
		return ReadOnly
	case is(sqlite3.ERROR, sqlite3.INTERNAL, sqlite3.CORRUPT, sqlite3.NOTADB, sqlite3.FORMAT, sqlite3.SCHEMA, sqlite3.MISMATCH, sqlite3.TOOBIG, sqlite3.CONSTRAINT, sqlite3.IOERR_SHORT_READ):
		return Damaged
	case is(sqlite3.IOERR, sqlite3.CANTOPEN, syscall.EIO):
		return Failing
	default:
		return 0
	}
}
