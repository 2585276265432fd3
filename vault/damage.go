package vault

import "errors"

// Errors of an unlocked vault on which callers branch.
var (
	ErrLocked     = errors.New("the vault is locked")
	ErrNoRecord   = errors.New("no such record in this vault")
	ErrRolledBack = errors.New("the vault is older than, or not the same as, what was last seen of it: an old copy was put in its place; open it only if you restored it from a backup yourself")
	ErrNewer      = errors.New("the vault was written by a newer version of this program: use that version or a later one")
)

// Fault says in what way a store's answer differs from what was sealed.
type Fault uint8

// The faults. They are in no file and may be renumbered.
const (
	Missing    Fault = iota + 1 // what must be there is not
	Extra                       // what is there must not be
	Changed                     // it is there and differs: changed, older, or another's
	BadHeader                   // the sealed header does not open or contradicts its shell
	BadSlots                    // the slot set is not the one that the header names
	BadJournal                  // an entry is missing, out of order or changed
	BadRing                     // the pages of container keys
	BadState                    // no snapshot with its journal leads to the header
)

// String is what happened, in words.
func (f Fault) String() string {
	switch f {
	case Missing:
		return "is missing"
	case Extra:
		return "does not belong here"
	case Changed:
		return "was changed or replaced by an older one"
	case BadHeader:
		return "the header was changed"
	case BadSlots:
		return "the list of who can open it was changed"
	case BadJournal:
		return "the journal was changed"
	case BadRing:
		return "the key ring was changed"
	case BadState:
		return "the list of records was changed"
	}
	return "is damaged"
}

// Damage says what a store got wrong: identifiers only, never content.
type Damage struct {
	Vault ID
	Row   ID // a record's, or that of a row nobody knows; zero: the vault as a whole
	Fault Fault
}

// Error names the vault, the row where there is one, and what to do.
func (d *Damage) Error() string {
	what := "vault " + d.Vault.String() + ": "
	if d.Row != (ID{}) {
		what += "record " + d.Row.String() + " "
	}
	return what + d.Fault.String() + "; stop using this copy and restore a backup, or look for who could write to it"
}
