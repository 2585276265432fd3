package vault

import (
	"context"
	"errors"
	"iter"
)

// Store keeps what vaults are made of: random identifiers and sealed bytes. It
// can neither read them nor tell whether they are whole; the vault above it
// can. It is safe for concurrent use. What it gives is the caller's, what it is
// given is not changed. A store is hostile in the eyes of its user: whatever it
// answers is checked.
type Store interface {
	// Vaults lists the vaults that are there, in any order.
	Vaults(context.Context) ([]ID, error)

	// Shell gives the small part of a vault that is needed to unlock it. A vault
	// that is not there is ErrNoVault.
	Shell(context.Context, ID) (Shell, error)

	// Journal gives the entries of a vault from a sequence number on, in
	// ascending order. The sequence ends after the first error.
	Journal(ctx context.Context, vault ID, from uint64) iter.Seq2[Entry, error]

	// Rows gives the rows named, in any order, leaving out those that are not
	// there; none named means all of the vault. It ends after the first error.
	Rows(ctx context.Context, vault ID, named ...ID) iter.Seq2[Row, error]

	// Commit makes all changes or none, in the order given, and returns nil only
	// once they are on the disk for good. ErrConflict says that a vault is not at
	// the sequence number that a change expects: nothing was changed.
	Commit(context.Context, ...Change) error
}

// Shell is the small part of a vault.
type Shell struct {
	Seq    uint64 // of its newest journal entry; what Commit compares
	Header []byte // sealed
	Slots  []byte // who can open it: public parameters and sealed keys
}

// Entry is one sealed journal entry.
type Entry struct {
	Seq      uint64
	Envelope []byte
}

// Row is one sealed record, or one part of a large one. A vault's rows are at
// most MaxRow bytes each.
type Row struct {
	ID       ID
	Envelope []byte
}

// MaxRow bounds one row, in bytes: the largest record, its padding and its
// envelope.
const MaxRow = 32 << 20

// Change is what Commit does to one vault.
type Change struct {
	Vault   ID
	From    uint64  // its sequence number before; with no vault there, 0
	Shell   Shell   // replaces the shell
	Append  []Entry // to the journal: numbers rise by one and end at Shell.Seq
	Cut     uint64  // journal entries below this number go; 0 keeps all
	Put     []Row   // inserted, or replacing the row of the same ID
	Delete  []ID    // rows that go; one that is not there is no error
	Destroy bool    // the whole vault goes; all but Vault and From is ignored
}

// Errors of stores on which callers branch.
var (
	ErrNoVault  = errors.New("no such vault")
	ErrConflict = errors.New("the vault was changed by somebody else")
)
