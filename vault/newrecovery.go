package vault

import (
	"context"
	"errors"

	"abaton.local/vault/internal/seal"
)

// draft is a recovery code that was shown and not yet typed back.
type draft struct {
	seen [macSize]byte // of the code, under the vault's root key
}

const wordDraft = "recovery-draft"

// NewRecovery draws a recovery code, to be shown once. It opens nothing until
// ConfirmRecovery is given it back: an old code stays good until then.
func (d *Directory) NewRecovery(s Session) (Once, error) {
	if s.own() == nil {
		return Once{}, ErrLocked
	}
	if s.seat.way == SlotToken {
		return Once{}, ErrNotByToken
	}
	code := newRecoveryCode()
	if err := d.drafted(s, code); err != nil {
		code.Clear()
		return Once{}, err
	}
	return code, nil
}

// drafted has a session know a recovery code again that is to be typed back.
func (d *Directory) drafted(s Session, code Once) error {
	return d.lobby.with(s.seat, func(o *home) error {
		var plain [recoveryGroups * groupData]byte
		defer clear(plain[:])
		if err := parseRecoveryCode(&plain, code.Reveal()); err != nil {
			return err
		}
		x := &draft{seen: seal.KeyAt(o.root).MAC(wordDraft, plain[:])}
		d.lobby.mu.Lock()
		defer d.lobby.mu.Unlock()
		s.seat.draft = x
		return nil
	})
}

// ErrOtherCode says that what was typed back is a recovery code, but not the
// one that was shown.
var ErrOtherCode = errors.New("this is not the recovery code that was just shown: type that one, or ask for another")

// ConfirmRecovery makes the recovery code that was shown the one that opens the
// vault, once the person has typed it back. Other sessions end.
func (d *Directory) ConfirmRecovery(ctx context.Context, s Session, typed []byte) error {
	if s.own() == nil {
		return ErrLocked
	}
	var plain [recoveryGroups * groupData]byte
	defer clear(plain[:])
	if err := parseRecoveryCode(&plain, typed); err != nil {
		return err
	}
	d.lobby.mu.Lock()
	x := s.seat.draft
	d.lobby.mu.Unlock()
	event, deed := Event{What: SlotAdded, Detail: uint32(SlotRecovery)}, Deed{What: DeedSlotAdded, Way: SlotRecovery.String()}
	err := d.reslot(ctx, s, event, deed, func(next *slotSet, root *seal.Key) error {
		if x == nil || !root.Verify(x.seen, wordDraft, plain[:]) {
			return ErrOtherCode
		}
		y, err := next.newRecoverySlot(root, typed)
		if err == nil {
			next.put(y, true)
		}
		return err
	})
	if err != nil {
		return err
	}
	d.lobby.mu.Lock()
	s.seat.draft = nil
	d.lobby.mu.Unlock()
	d.lobby.lockAll(s.Person, s.seat)
	return nil
}

// confirmRecovery checks that a recovery code is the one that opens the vault.
func (d *Directory) confirmRecovery(ctx context.Context, s Session, code []byte) error {
	set, err := d.ownSlots(ctx, s)
	if err != nil {
		return err
	}
	x, ok := set.of(SlotRecovery)
	if !ok {
		return ErrWrong
	}
	cell, err := d.config.Device.arena.cell()
	if err != nil {
		return err
	}
	defer d.config.Device.arena.release(cell)
	if err := set.openRecoverySlot(cell[:], x, code); errors.Is(err, errWrongSecret) {
		return ErrWrong
	} else if err != nil {
		return err
	}
	return nil
}
