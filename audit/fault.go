package audit

import (
	"errors"
	"fmt"
)

// None is no record in particular.
const None = -1

// Fault says that a log is not what was written, and which record is the first
// of which that can be said.
type Fault struct {
	Record int64 // the first bad one, or None
	Last   int64 // the bad one lies between Record and Last
	Why    string
}

func (f *Fault) Error() string {
	switch {
	case f.Record == None:
		return "the audit log: " + f.Why
	case f.Last > f.Record:
		return fmt.Sprintf("the audit log: one of the records %d to %d: %s", f.Record, f.Last, f.Why)
	}
	return fmt.Sprintf("the audit log: record %d: %s", f.Record, f.Why)
}

func bad(record int64, format string, a ...any) *Fault {
	return &Fault{record, record, fmt.Sprintf(format, a...)}
}

// Errors on which callers branch.
var (
	// ErrClosed says that the log was closed.
	ErrClosed = errors.New("the audit log is closed")
	// ErrInUse says that another process writes to the log.
	ErrInUse = errors.New("the audit log is being written by another process")
	// ErrNoLog says that the folder holds no log.
	ErrNoLog = errors.New("there is no audit log here")
)
