package vault

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"abaton.local/vault/internal/seal"
)

// Way is one way to open a vault, as its person sees it.
type Way struct {
	ID   ID       `json:"id"`
	Kind SlotKind `json:"kind"`
	// Who is the fingerprint of an escrow recipient; empty for all others.
	Who string `json:"who,omitempty"`
}

// ErrNotByToken says that a program's token cannot do this.
var ErrNotByToken = errors.New("a token cannot change what opens a vault: sign in with your passphrase")

// Ways lists all that can open a session's vault: nothing else can.
func (d *Directory) Ways(ctx context.Context, s Session) ([]Way, error) {
	if !s.Unlocked() {
		return nil, ErrLocked
	}
	set, err := d.ownSlots(ctx, s)
	if err != nil {
		return nil, err
	}
	return set.ways(), nil
}

func (s *slotSet) ways() []Way {
	list := make([]Way, 0, len(s.slots))
	for _, x := range s.slots {
		w := Way{ID: x.id, Kind: x.kind}
		if x.kind == SlotEscrow {
			w.Who = Fingerprint(string(x.params))
		}
		list = append(list, w)
	}
	return list
}

// ownSlots gives the slots of a session's open vault.
func (d *Directory) ownSlots(ctx context.Context, s Session) (set *slotSet, err error) {
	if s.own() == nil {
		return nil, ErrLocked
	}
	err = d.lobby.with(s.seat, func(o *home) error {
		set, err = o.proven(ctx)
		return err
	})
	return set, err
}

// proven gives the slots that the open vault's header names. Those that the
// store shows at this moment may be older ones, whose MACs hold as well: what
// was made of them would be proven from then on.
func (o *home) proven(ctx context.Context) (*slotSet, error) {
	if err := o.vault.certain(ctx); err != nil {
		return nil, err
	}
	b, _ := o.vault.Slots()
	return decodeSlots(b)
}

// reslot changes a session's slots: f gets the next set and the root key. It is
// on the shared record before it is done, and in the person's journal after.
func (d *Directory) reslot(ctx context.Context, s Session, event Event, deed Deed, f func(next *slotSet, root *seal.Key) error) error {
	if s.own() == nil {
		return ErrLocked
	}
	if s.seat.way == SlotToken {
		return ErrNotByToken
	}
	err := d.lobby.with(s.seat, func(o *home) error {
		set, err := o.proven(ctx)
		if err != nil {
			return err
		}
		root := seal.KeyAt(o.root)
		next := set.next()
		if err := f(next, root); err != nil {
			return err
		}
		if err := next.check(); err != nil {
			return err
		}
		event.Actor, event.Object = identity(s.Person), identity(s.Person)
		if err := d.config.Audit.Record(event); err != nil {
			return fmt.Errorf("the shared record: %w", err)
		}
		if err := o.vault.ReplaceSlots(ctx, next.encode(d.config.Device.key, root)); err != nil {
			return err
		}
		d.note(identity(s.Person), o.vault)
		return nil
	})
	if err != nil {
		return err
	}
	d.noteEntry(ctx, s, deed)
	d.fasten()
	return nil
}

// ChangePassphrase replaces the passphrase. The old one is asked for, so that
// nobody does it at a desk that was left unlocked; who came with the recovery
// code has none to give. Other sessions of the person end.
func (d *Directory) ChangePassphrase(ctx context.Context, s Session, old, passphrase []byte) error {
	if err := CheckPassphrase(passphrase); err != nil {
		return err
	}
	if s.Way() != SlotRecovery {
		if err := d.confirm(ctx, s, old); err != nil {
			return err
		}
	}
	err := d.reslot(ctx, s, Event{What: SlotChanged, Detail: uint32(SlotPassphrase)}, Deed{What: DeedSlotChanged, Way: SlotPassphrase.String()},
		func(next *slotSet, root *seal.Key) error {
			x, err := next.newPassphraseSlot(ctx, &d.smith, root, passphrase)
			if err == nil {
				next.put(x, true)
			}
			return err
		})
	if err == nil {
		d.lobby.lockAll(s.Person, s.seat)
	}
	return err
}

// confirm checks that whoever holds a session knows its passphrase. It counts
// failures like an attempt to unlock.
func (d *Directory) confirm(ctx context.Context, s Session, passphrase []byte) error {
	p, ok := d.who(s.Person)
	if !ok || !s.Unlocked() {
		return ErrLocked
	}
	count := counted(p.Name, SlotPassphrase)
	if err := d.fails.admit(count, d.config.Now()); err != nil {
		return err
	}
	cell, err := d.config.Device.arena.cell()
	if err != nil {
		return err
	}
	defer d.config.Device.arena.release(cell)
	_, err = d.tryWay(ctx, p, true, Attempt{Name: p.Name, Way: SlotPassphrase, Secret: passphrase}, cell)
	if errors.Is(err, errWrongSecret) {
		return d.wrong(count, p, true, SlotPassphrase)
	}
	if err == nil {
		d.fails.succeeded(count)
	}
	return err
}

// AddEscrow lets an organisation's recipient open the vault. It is the person's
// own act, after they were told what it means.
func (d *Directory) AddEscrow(ctx context.Context, s Session, recipient string) error {
	return d.reslot(ctx, s, Event{What: SlotAdded, Detail: uint32(SlotEscrow)}, Deed{What: DeedSlotAdded, Way: SlotEscrow.String()},
		func(next *slotSet, root *seal.Key) error {
			x, err := next.newEscrowSlot(root, recipient)
			if err == nil {
				next.put(x, false)
			}
			return err
		})
}

// RemoveWay takes a way to open the vault away, at once. Other sessions end. A
// token's way goes with RevokeToken.
func (d *Directory) RemoveWay(ctx context.Context, s Session, id ID) error {
	if s.own() == nil {
		return ErrLocked
	}
	set, err := d.ownSlots(ctx, s)
	if err != nil {
		return err
	}
	x, ok := set.named(id)
	if !ok || d.tokenOf(id) { // what a crash left of a token may go
		return ErrNoRecord
	}
	err = d.reslot(ctx, s, Event{What: SlotRemoved, Detail: uint32(x.kind)}, Deed{What: DeedSlotRemoved, Way: x.kind.String()},
		func(next *slotSet, _ *seal.Key) error {
			if !next.drop(id) {
				return ErrNoRecord
			}
			return nil
		})
	if err != nil {
		return err
	}
	d.lobby.lockAll(s.Person, s.seat)
	if x.kind == SlotPasskey {
		return d.forgetPasskeys(ctx, s)
	}
	return nil
}

// Rotate gives the vault a new root key, after a suspicion that somebody has
// the old one. The passphrase, the recovery code where it is given, and escrow
// are taken along; passkeys and tokens, and a recovery code that is not given,
// cannot be, for their secrets are not here: they are gone, and listed, to be
// made anew.
func (d *Directory) Rotate(ctx context.Context, s Session, passphrase, recovery []byte) (gone []Way, err error) {
	if s.own() == nil {
		return nil, ErrLocked
	}
	if s.seat.way == SlotToken {
		return nil, ErrNotByToken
	}
	if err := d.confirm(ctx, s, passphrase); err != nil {
		return nil, err
	}
	if len(recovery) > 0 {
		if err := d.confirmRecovery(ctx, s, recovery); err != nil {
			return nil, err
		}
	}
	arena := d.config.Device.arena
	fresh, err := arena.cell()
	if err != nil {
		return nil, err
	}
	defer func() { arena.release(fresh) }() // the old root key, once they have changed places
	rand.Read(fresh[:])
	err = d.lobby.with(s.seat, func(o *home) error {
		set, err := o.proven(ctx)
		if err != nil {
			return err
		}
		next, left, err := d.renewed(ctx, set, seal.KeyAt(fresh), passphrase, recovery)
		if err != nil {
			return err
		}
		if err := d.config.Audit.Record(Event{What: RootRotated, Actor: identity(s.Person), Object: identity(s.Person)}); err != nil {
			return fmt.Errorf("the shared record: %w", err)
		}
		root := seal.KeyAt(fresh)
		if err := o.vault.Rotate(ctx, root, next.encode(d.config.Device.key, root)); err != nil {
			return err
		}
		gone = left
		fresh, o.root = o.root, fresh
		d.note(identity(s.Person), o.vault)
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.lobby.lockAll(s.Person, s.seat)
	d.noteEntry(ctx, s, Deed{What: DeedRotated})
	d.fasten()
	return gone, errors.Join(d.dropTokens(ctx, s.Person), d.forgetPasskeys(ctx, s))
}

// renewed makes the slots of a new root key.
func (d *Directory) renewed(ctx context.Context, set *slotSet, root *seal.Key, passphrase, recovery []byte) (next *slotSet, gone []Way, err error) {
	next = &slotSet{vault: set.vault, version: set.version + 1, generation: set.generation + 1}
	for i, x := range set.slots {
		var y slot
		switch {
		case x.kind == SlotPassphrase:
			y, err = next.newPassphraseSlot(ctx, &d.smith, root, passphrase)
		case x.kind == SlotRecovery && len(recovery) > 0:
			y, err = next.newRecoverySlot(root, recovery)
		case x.kind == SlotEscrow:
			y, err = next.newEscrowSlot(root, string(x.params))
		default:
			gone = append(gone, set.ways()[i])
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		next.put(y, false)
	}
	return next, gone, next.check()
}
