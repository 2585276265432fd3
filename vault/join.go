package vault

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"

	"abaton.local/vault/internal/seal"
)

// admitted tells what a ticket lets somebody be; invitation is zero for the
// claim. Every open ticket is compared, in constant time.
func (d *Directory) admitted(ticket []byte) (role Role, invitation ID, err error) {
	digest := ticketDigest(ticket)
	now := d.config.Now()
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.claim != ([32]byte{}) && subtle.ConstantTimeCompare(digest[:], d.claim[:]) == 1 {
		return RoleOwner, ID{}, nil
	}
	for id, n := range d.notes {
		if subtle.ConstantTimeCompare(digest[:], n.Digest) == 1 && now.Before(n.Expires) {
			role, invitation = n.Role, id
		}
	}
	if role == 0 {
		return 0, ID{}, ErrTicket
	}
	return role, invitation, nil
}

// Newcomer is somebody who comes in for the first time.
type Newcomer struct {
	Ticket     []byte // the claim or an invitation
	Name       string
	Passphrase []byte // the caller wipes it
	// Recovery is the code of a vault that lies in this store without a person:
	// it came here from another machine. Empty: a new vault.
	Recovery []byte
	// Accept is the rollback of that vault that the person was told of and accepts.
	Accept *RolledBack
	// Passkey and PasskeySecret are what the vault is opened by in the place of a
	// passphrase: JoinByPasskey.
	Passkey       *Passkey
	PasskeySecret []byte
	// Escrow is the organisation's recipient, where the person was shown what
	// that means and agreed. Empty: nobody else can ever open the vault.
	Escrow string
}

// Join makes a person and gives their unlocked session. The ticket is used up
// by it, and only by success.
func (d *Directory) Join(ctx context.Context, n Newcomer) (Session, error) {
	if err := CheckPassphrase(n.Passphrase); err != nil {
		return Session{}, err
	}
	n.Passkey = nil
	return d.join(ctx, n, nil)
}

// JoinByPasskey is Join for somebody who has a passkey in the place of a
// passphrase. A passkey is deleted by people who do not know that it holds data,
// so there is a recovery code from the start, to be shown once.
func (d *Directory) JoinByPasskey(ctx context.Context, n Newcomer) (s Session, code Once, err error) {
	switch {
	case n.Passkey == nil || len(n.PasskeySecret) != passkeySecret:
		return Session{}, Once{}, errPasskeySecret
	case len(n.Passphrase) > 0 || len(n.Recovery) > 0:
		return Session{}, Once{}, ErrPasskeyAlone
	}
	if err := n.Passkey.check(); err != nil {
		return Session{}, Once{}, err
	}
	k := *n.Passkey
	k.Way, k.Day = NewID(), d.today()
	n.Passkey = &k
	code = newRecoveryCode()
	if s, err = d.join(ctx, n, code.Reveal()); err != nil {
		code.Clear()
		return s, Once{}, err
	}
	// It opens the vault already. That it could not be typed back is no reason to
	// keep it from them.
	_ = d.drafted(s, code)
	return s, code, nil
}

// ErrPasskeyAlone says that a passkey was to be the way into a vault that has one.
var ErrPasskeyAlone = errors.New("a vault that came from another machine is taken up with its recovery code and a new passphrase: a passkey can be added afterwards")

// Admits tells whether somebody with this ticket could join under this name now,
// for who is about to make a passkey for it.
func (d *Directory) Admits(ticket []byte, name string) error {
	name, err := ParseName(name)
	if err != nil {
		return err
	}
	if _, _, err := d.admitted(ticket); err != nil {
		return err
	}
	if _, taken := d.find(name); taken {
		return ErrNameTaken
	}
	return nil
}

// join is Join by whatever way; code is the recovery code of who has no passphrase.
func (d *Directory) join(ctx context.Context, n Newcomer, code []byte) (Session, error) {
	name, err := ParseName(n.Name)
	if err != nil {
		return Session{}, err
	}
	if n.Escrow != "" {
		if _, err := parseRecipient(n.Escrow); err != nil {
			return Session{}, err
		}
	}
	// Before the passphrase is stretched: who has no ticket costs nothing.
	// A ticket has 256 bits, so guessing needs no pause, and a pause would keep out
	// those who were invited.
	if _, _, err := d.admitted(n.Ticket); err != nil {
		return Session{}, err
	}
	root, err := d.config.Device.arena.cell()
	if err != nil {
		return Session{}, err
	}
	kept := false
	defer func() {
		if !kept {
			d.config.Device.arena.release(root)
		}
	}()
	w, err := d.welcome(ctx, n, code, root)
	if err != nil {
		return Session{}, err
	}

	d.change.Lock()
	defer d.change.Unlock()
	role, invitation, err := d.admitted(n.Ticket) // somebody may have been faster
	if err != nil {
		return Session{}, err
	}
	if _, taken := d.find(name); taken {
		return Session{}, ErrNameTaken
	}
	if n.Passkey != nil {
		if _, _, known := d.FindPasskey(n.Passkey.Credential); known {
			return Session{}, ErrPasskeyKnown
		}
	}
	if w.adopted != nil {
		if err := d.recognised(ctx, &w, n.Accept, seal.KeyAt(root)); err != nil {
			return Session{}, err
		}
	}
	if invitation != (ID{}) {
		if err := d.onRecord(Event{What: InvitationUsed, Object: w.set.vault}); err != nil {
			return Session{}, err
		}
	}
	if err := d.onRecord(Event{What: PersonCreated, Object: w.set.vault, Detail: uint32(role)}); err != nil {
		return Session{}, err
	}
	if w.adopted == nil {
		d.heads.note(w.set.vault, Head{}) // about to be: a crash must not look like a rollback
		if err := d.heads.write(); err != nil {
			return Session{}, err
		}
	}
	p := person{id: PersonID(w.set.vault.String()), Name: name, Role: role, State: joining, Day: d.today(), Adopts: w.adopted != nil, order: d.orders + 1}
	way, slot := SlotPassphrase, ""
	if n.Passkey != nil {
		p.Passkeys = []Passkey{*n.Passkey}
		way, slot = SlotPasskey, n.Passkey.Way.String()
	}
	if err := d.save(ctx, p); err != nil {
		return Session{}, err
	}
	kept = true // enter releases root, whatever happens
	s, err := d.lobby.enter(p.id, way, root, func() (*Vault, error) { return w.open(ctx, d, root) })
	if err == nil && w.adopted != nil {
		err = d.Remember() // before they are one of us, for the same reason
	}
	if err == nil {
		err = d.seatNewcomer(ctx, p, invitation)
	}
	if err != nil {
		s.End()
		return Session{}, errors.Join(err, d.unseat(ctx, p))
	}
	d.noteEntry(ctx, s, Deed{What: DeedUnlocked, Way: way.String(), Slot: slot})
	if err := d.bindNow(); err != nil {
		return s, err
	}
	return s, nil
}

// seatNewcomer makes somebody who is joining one of us, and their ticket void,
// in one step.
func (d *Directory) seatNewcomer(ctx context.Context, p person, invitation ID) error {
	p.State, p.Adopts = active, false
	put, err := p.put()
	if err != nil {
		return err
	}
	e := Edit{Put: []Put{put}}
	if invitation != (ID{}) {
		e.Delete = []ID{invitation}
	}
	if err := d.vault.Write(ctx, e); err != nil {
		return fmt.Errorf("the directory: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.index(&p)
	if invitation != (ID{}) {
		delete(d.notes, invitation)
	} else {
		d.claim = [32]byte{}
	}
	return nil
}

// unseat takes back a joining that failed. A vault that was there before stays.
func (d *Directory) unseat(ctx context.Context, p person) error {
	if !p.Adopts {
		return d.erase(ctx, p)
	}
	if err := d.vault.Write(ctx, Edit{Delete: []ID{identity(p.id)}}); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unindex(&p)
	return nil
}

// welcome is what a newcomer's vault will be opened by.
type welcome struct {
	set     *slotSet
	adopted *Shell // of a vault that was there before
	head    Head   // as that was when it was looked at
}

// recognised holds a vault that was there before against what this machine
// remembers of it, which may be more than nothing: the list of people was lost
// and not the rest, or an older copy was brought here. The code's holder says
// beforehand that it came from elsewhere, so nothing is asked where nothing is
// known.
func (d *Directory) recognised(ctx context.Context, w *welcome, accept *RolledBack, root *seal.Key) error {
	open := func(m Head) (*Vault, error) {
		return Open(ctx, d.config.Store, w.set.vault, root, Opening{Remembered: m})
	}
	mark, known := d.heads.of(w.set.vault)
	var v *Vault
	var accepted bool
	var err error
	if known {
		v, accepted, err = d.openChecked(ctx, mark, known, Head{}, accept, open)
	} else {
		v, err = open(Head{})
	}
	if err != nil {
		return err
	}
	w.head = v.Head()
	v.wipe() // nothing is written yet
	if accepted {
		return d.onRecord(Event{What: RollbackAccepted, Actor: w.set.vault, Object: w.set.vault})
	}
	return nil
}

// welcome prepares a newcomer's slots, with the root key in root.
func (d *Directory) welcome(ctx context.Context, n Newcomer, code []byte, root *[cellSize]byte) (w welcome, err error) {
	if len(n.Recovery) > 0 {
		if w, err = d.recognise(ctx, n.Recovery, root); err != nil {
			return w, err
		}
		w.set = w.set.next()
	} else {
		rand.Read(root[:])
		w.set = &slotSet{vault: NewID(), version: 1, generation: firstGeneration}
	}
	key := seal.KeyAt(root)
	if err := d.waysOf(ctx, n, code, w.set, key); err != nil {
		return w, err
	}
	if n.Escrow != "" {
		x, err := w.set.newEscrowSlot(key, n.Escrow)
		if err != nil {
			return w, err
		}
		w.set.put(x, false)
	}
	return w, w.set.check()
}

// waysOf puts a newcomer's own ways in: a passphrase, or a passkey and a recovery
// code.
func (d *Directory) waysOf(ctx context.Context, n Newcomer, code []byte, set *slotSet, root *seal.Key) error {
	if n.Passkey == nil {
		x, err := set.newPassphraseSlot(ctx, &d.smith, root, n.Passphrase)
		if err == nil {
			set.put(x, true)
		}
		return err
	}
	x, err := set.newPasskeySlot(&d.smith, root, n.Passkey.Way, passkey{credential: n.Passkey.digest(), salt: d.PasskeySalt()}, n.PasskeySecret)
	if err != nil {
		return err
	}
	set.put(x, false)
	if x, err = set.newRecoverySlot(root, code); err == nil {
		set.put(x, true)
	}
	return err
}

// open makes the newcomer's vault, or takes over the one that was there.
func (w welcome) open(ctx context.Context, d *Directory, root *[cellSize]byte) (*Vault, error) {
	key := seal.KeyAt(root)
	b := w.set.encode(d.config.Device.key, key)
	if w.adopted == nil {
		v, err := Create(ctx, d.config.Store, w.set.vault, key, b)
		if err != nil {
			return nil, fmt.Errorf("making the vault: %w", err)
		}
		return v, nil
	}
	v, err := Open(ctx, d.config.Store, w.set.vault, key, Opening{Remembered: w.head})
	if err != nil {
		return nil, err
	}
	if err := v.ReplaceSlots(ctx, b); err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}
