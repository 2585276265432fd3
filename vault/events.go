package vault

import (
	"context"
	"fmt"
	"time"
)

// What says what happened. Package vault knows a few things that the whole
// house may read of; what a person does otherwise lies in their own journal.
type What uint8

// What goes on the shared record.
const (
	PersonCreated  What = iota + 1
	PersonRemoved       // with all keys
	PersonDisabled      // or enabled again: Detail 1
	RoleChanged         // Detail is the new role
	SlotAdded           // Detail is the kind of slot, here and below
	SlotRemoved
	SlotChanged
	UnlockFailed // only where failures pile up; Detail is the kind of slot
	EscrowUsed
	RootRotated
	RollbackAccepted
	VerificationFailed // a vault is not as it was left
	DataExported
	InvitationMade // Detail is the role
	InvitationUsed
	TokenCreated
	TokenRevoked
	PersonRenamed // the pseudonym stays
)

// Event is one thing for the shared record. It has no words in it; whoever
// records it turns the identifiers into pseudonyms and adds the time.
type Event struct {
	What   What
	Actor  ID // zero: nobody who is known
	Object ID // a person
	Failed bool
	Detail uint32
}

// Recorder keeps the shared record. It returns nil only once the event is
// durable; what cannot be recorded is not done.
type Recorder interface {
	Record(Event) error
	// Bind puts the digest of all that is remembered there, once for each of the
	// times, and returns nil only once it is durable.
	Bind(heads [32]byte, at ...time.Time) error
	// Bound tells the time of the newest digest that Bind put there (zero: there is
	// none) and which of these it is: -1 for none.
	Bound(heads ...[32]byte) (at time.Time, which int)
}

// onRecord puts an event on the shared record before what it tells of is done.
func (d *Directory) onRecord(e Event) error {
	if err := d.config.Audit.Record(e); err != nil {
		return fmt.Errorf("the shared record: %w", err)
	}
	return nil
}

// Exported puts on record that a person took what they keep out of their vault,
// in the clear, before it happens.
func (d *Directory) Exported(ctx context.Context, s Session) error {
	if !s.Unlocked() {
		return ErrLocked
	}
	if err := d.onRecord(Event{What: DataExported, Actor: identity(s.Person), Object: identity(s.Person)}); err != nil {
		return err
	}
	d.noteEntry(ctx, s, Deed{What: DeedExported})
	return nil
}

// identity is a person's ID as the record has it: zero for a guest.
func identity(p PersonID) ID {
	id, err := ParseID(string(p))
	if err != nil {
		return ID{}
	}
	return id
}
