package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"abaton.local/vault/internal/seal"
)

// firstGeneration is that of a new vault's root key.
const firstGeneration = 1

// ErrWrong says that a name and a secret do not go together. Whether the name
// exists, and whether it has such a way in, is not told, in words or by time.
var ErrWrong = errors.New("this name and this secret do not go together: check both (capital letters count), or use your recovery code")

// Attempt is one try to unlock a vault.
type Attempt struct {
	Name    string
	Way     SlotKind // all but SlotToken, which has UnlockToken
	Secret  []byte   // the caller wipes it
	Passkey [32]byte // which credential, for SlotPasskey
	// Judged says that the door has judged this attempt by where it comes from, and
	// lets it through. Then wrong ones from elsewhere under the same name do not
	// make it wait: nobody locks another out.
	Judged bool
	// Accept is the rollback that the person was told of and accepts.
	Accept *RolledBack
	// Seen is what the person's browser kept of vaults, as Directory.Seen gave it.
	// That of other vaults does not count.
	Seen []string
}

// Unlock opens a person's vault and gives an unlocked session. ErrWrong, a
// *TooSoon and a *RolledBack are for the person to act on.
func (d *Directory) Unlock(ctx context.Context, a Attempt) (Session, error) {
	name, err := ParseName(a.Name)
	if err != nil {
		name = "" // nobody's: what follows takes as long as for anybody
	}
	count := counted(name, a.Way)
	admit := d.fails.admit
	if a.Judged {
		admit = d.fails.admitJudged
	}
	if err := admit(count, d.config.Now()); err != nil {
		return Session{}, err
	}
	p, known := d.find(name)
	known = known && name != "" && (p.State == active || p.State == disabled)
	root, err := d.config.Device.arena.cell()
	if err != nil {
		return Session{}, err
	}
	b, err := d.tryWay(ctx, p, known, a, root)
	if err != nil {
		d.config.Device.arena.release(root)
		if errors.Is(err, errWrongSecret) {
			return Session{}, d.wrong(count, p, known, a.Way)
		}
		return Session{}, err
	}
	failed := d.fails.succeeded(count)
	if p.State == disabled {
		d.config.Device.arena.release(root)
		return Session{}, ErrDisabled
	}
	return d.admit(ctx, p, a, b, root, failed)
}

// counted is what failures are counted by: a name and a way in, so that who
// hammers at somebody's passphrase does not keep their recovery code out.
func counted(name string, way SlotKind) string { return folded(name) + "\x00" + way.String() }

// tryWay opens the right slot into root and gives the set it is in, encoded; or
// it fails with errWrongSecret after the same work, whoever it was for.
func (d *Directory) tryWay(ctx context.Context, p person, known bool, a Attempt, root *[cellSize]byte) ([]byte, error) {
	vault := d.id // has a shell to read in the place of nobody's
	if known {
		vault = identity(p.id)
	}
	shell, err := d.config.Store.Shell(ctx, vault)
	if err != nil {
		return nil, fmt.Errorf("the vault: %w", err)
	}
	b := shell.Slots
	if !known {
		vault, b = d.decoy.vault, d.decoyB
	}
	set, err := d.checkedSlots(vault, b)
	if err != nil {
		return nil, d.damaged(p, err)
	}
	x, ok := set.wayIn(a)
	if !ok { // somebody without this way in is like nobody
		known, set = false, d.decoy
		if x, ok = set.wayIn(a); !ok {
			return nil, errWrongSecret
		}
	}
	switch a.Way {
	case SlotPassphrase:
		err = set.openPassphraseSlot(ctx, &d.smith, root[:], x, a.Secret)
	case SlotPasskey:
		err = set.unwrap(root[:], x, a.Secret, d.config.Device.key)
	case SlotRecovery:
		err = set.openRecoverySlot(root[:], x, a.Secret)
	case SlotEscrow:
		err = set.openEscrowSlot(root[:], x, a.Secret)
	}
	if err == nil && !known {
		err = errWrongSecret
	}
	return b, err
}

// wayIn gives the slot that an attempt is for.
func (s *slotSet) wayIn(a Attempt) (slot, bool) {
	for _, x := range s.slots {
		if x.kind != a.Way || x.kind == SlotToken {
			continue
		}
		if x.kind == SlotPasskey && x.passkey().credential != a.Passkey && s.version != decoyVersion {
			continue
		}
		return x, true
	}
	return slot{}, false
}

// checkedSlots reads what a store says opens a vault, if this machine's device
// secret vouches for it.
func (d *Directory) checkedSlots(vault ID, b []byte) (*slotSet, error) {
	set, err := decodeSlots(b)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrSlots, err)
	}
	if set.vault != vault || !slotsByDevice(b, d.config.Device.key) {
		return nil, ErrSlots
	}
	return set, nil
}

// damaged puts on the shared record that a vault is not as it was left.
func (d *Directory) damaged(p person, err error) error {
	if e := d.config.Audit.Record(Event{What: VerificationFailed, Object: identity(p.id), Failed: true}); e != nil {
		return errors.Join(err, e)
	}
	return err
}

// wrong counts a failure. Only where failures pile up does the shared record
// hear of it.
func (d *Directory) wrong(count string, p person, known bool, way SlotKind) error {
	n := d.fails.failed(count, d.config.Now())
	if n%alarming != 0 {
		return ErrWrong
	}
	event := Event{What: UnlockFailed, Failed: true, Detail: uint32(way)}
	if known {
		event.Object = identity(p.id)
	}
	if err := d.config.Audit.Record(event); err != nil {
		return errors.Join(ErrWrong, fmt.Errorf("the shared record: %w", err))
	}
	return ErrWrong
}

// admit gives the session of somebody whose slot has opened. Root is its own
// from here on.
func (d *Directory) admit(ctx context.Context, p person, a Attempt, b []byte, root *[cellSize]byte, failed int) (Session, error) {
	id := identity(p.id)
	if !slotsByRoot(b, seal.KeyAt(root)) {
		d.config.Device.arena.release(root)
		return Session{}, d.damaged(p, ErrSlots)
	}
	if a.Way == SlotEscrow {
		if err := d.config.Audit.Record(Event{What: EscrowUsed, Object: id}); err != nil {
			d.config.Device.arena.release(root)
			return Session{}, fmt.Errorf("the shared record: %w", err)
		}
	}
	accepted, opened := false, false
	seen := d.seenBefore(id, a.Seen)
	s, err := d.lobby.enter(p.id, a.Way, root, func() (v *Vault, err error) {
		opened = true
		mark, known := d.heads.of(id)
		v, accepted, err = d.openChecked(ctx, mark, known, seen, a.Accept, func(m Head) (*Vault, error) {
			return Open(ctx, d.config.Store, id, seal.KeyAt(root), Opening{Remembered: m})
		})
		if err == nil && accepted {
			if err = d.config.Audit.Record(Event{What: RollbackAccepted, Actor: id, Object: id}); err != nil {
				v.wipe()
			}
		}
		return v, err
	})
	if _, damage := errors.AsType[*Damage](err); damage {
		return Session{}, d.damaged(p, err)
	}
	if err != nil {
		return Session{}, err
	}
	if !opened { // another session of theirs has
		if accepted, err = d.agrees(ctx, s, seen, a.Accept); err != nil {
			s.End()
			return Session{}, err
		}
	}
	// A store may show a slot that was taken away to whoever unlocks, and the
	// newest state to Open: only what the vault's header proves counts.
	if v, err := s.Vault(); err == nil {
		if proven, _ := v.Slots(); !bytes.Equal(proven, b) {
			s.End()
			return Session{}, d.damaged(p, ErrSlots)
		}
	}
	// Somebody may have been switched off meanwhile.
	if now, ok := d.who(p.id); !ok || now.State != active {
		s.End()
		return Session{}, ErrDisabled
	}
	d.lobby.crowd(p.id)
	return s, d.welcomeBack(ctx, s, a, accepted, failed)
}

// agrees holds a vault that was open already against what a browser remembers.
func (d *Directory) agrees(ctx context.Context, s Session, seen Head, accept *RolledBack) (accepted bool, err error) {
	v, err := s.Vault()
	if err != nil {
		return false, err
	}
	if accepted, err = v.reachesSeen(ctx, seen, accept); err == nil && accepted {
		err = d.onRecord(Event{What: RollbackAccepted, Actor: identity(s.Person), Object: identity(s.Person)})
	}
	return accepted, err
}

// welcomeBack writes into the person's own journal what they should know.
func (d *Directory) welcomeBack(ctx context.Context, s Session, a Attempt, accepted bool, failed int) error {
	if accepted {
		d.noteEntry(ctx, s, Deed{What: DeedRollback})
		if err := d.bindNow(); err != nil {
			return err
		}
	}
	if failed > 0 {
		d.noteEntry(ctx, s, Deed{What: DeedFailed, N: failed})
	}
	what := DeedUnlocked
	switch a.Way {
	case SlotEscrow:
		what = DeedEscrowUsed
	case SlotToken:
		return nil // once an hour, by its use
	}
	d.noteEntry(ctx, s, Deed{What: what, Way: a.Way.String(), Slot: d.passkeyUsed(s, a)})
	return nil
}

// passkeyUsed names the passkey that opened a vault, empty for all else.
func (d *Directory) passkeyUsed(s Session, a Attempt) string {
	if a.Way != SlotPasskey {
		return ""
	}
	v, err := s.Vault()
	if err != nil {
		return ""
	}
	b, _ := v.Slots()
	set, err := decodeSlots(b)
	if err != nil {
		return ""
	}
	x, _ := set.wayIn(a)
	return x.id.String()
}

// noteEntry writes a deed into a session's vault. A full or broken disk shows
// at the first word that is to be kept; it must not keep a person from reading.
func (d *Directory) noteEntry(ctx context.Context, s Session, deed Deed) {
	deed.At = d.config.Now()
	if v, err := s.Vault(); err == nil {
		_ = noteDeed(ctx, v, deed)
	}
}

// Resume gives the session of what its client kept.
func (d *Directory) Resume(secret []byte) (Session, error) { return d.lobby.resume(secret) }

// Issue gives a client what it needs to come back to its session. It replaces
// what was issued before.
func (d *Directory) Issue(s Session) (Once, error) {
	if s.own() == nil {
		return Once{}, ErrEnded
	}
	return d.lobby.issue(s.seat)
}

// decoyVersion marks the decoy: no set that was ever written has it.
const decoyVersion = ^uint64(0)

// makeDecoy makes the slots that names which nobody has are tried against. What
// they were sealed under was never anywhere else.
func (d *Directory) makeDecoy() error {
	set := &slotSet{vault: NewID(), version: decoyVersion, generation: firstGeneration}
	root, secret := seal.NewKey(), seal.NewKey()
	defer root.Clear()
	defer secret.Clear()
	p := passphraseParams{cost: d.smith.cost}
	rand.Read(p.salt[:])
	for kind, params := range map[SlotKind][]byte{SlotPassphrase: p.encode(), SlotPasskey: make([]byte, passkeyParams), SlotRecovery: nil} {
		x := slot{kind: kind, id: NewID(), since: 1, params: params}
		set.wrap(&x, secret.Bytes(), d.config.Device.key, root)
		set.put(x, false)
	}
	d.decoy, d.decoyB = set, set.encode(d.config.Device.key, root)
	return set.check()
}

// recognise finds the vault without a person that a recovery code opens, and
// puts its root key into root. Slots that need the old device secret are gone.
func (d *Directory) recognise(ctx context.Context, code []byte, root *[cellSize]byte) (w welcome, err error) {
	vaults, err := d.config.Store.Vaults(ctx)
	if err != nil {
		return w, fmt.Errorf("the store: %w", err)
	}
	var typo [recoveryGroups * groupData]byte
	defer clear(typo[:])
	if err := parseRecoveryCode(&typo, code); err != nil {
		return w, err
	}
	for _, id := range vaults {
		if _, known := d.who(PersonID(id.String())); known || id == d.id {
			continue
		}
		shell, err := d.config.Store.Shell(ctx, id)
		if err != nil {
			return w, fmt.Errorf("the store: %w", err)
		}
		set, err := decodeSlots(shell.Slots)
		if err != nil || set.vault != id {
			continue // another directory's, or damaged
		}
		x, ok := set.of(SlotRecovery)
		if !ok || set.openRecoverySlot(root[:], x, code) != nil {
			continue
		}
		if !slotsByRoot(shell.Slots, seal.KeyAt(root)) {
			return w, ErrSlots
		}
		for _, y := range set.slots {
			if y.kind == SlotPasskey || y.kind == SlotToken {
				set.drop(y.id)
			}
		}
		return welcome{set: set, adopted: &shell}, nil
	}
	return w, ErrWrong
}
