package vault

import (
	"context"
	"errors"
	"fmt"

	"abaton.local/vault/internal/seal"
)

// RevokeToken makes a token of the session's person void at once: the entry
// that is compared goes first, then the slot.
func (d *Directory) RevokeToken(ctx context.Context, s Session, id string) error {
	if !s.Unlocked() {
		return ErrLocked
	}
	if s.Way() == SlotToken {
		return ErrNotByToken
	}
	d.change.Lock()
	defer d.change.Unlock()
	d.mu.RLock()
	var found *tokenEntry
	for _, t := range d.tokens {
		if t.person == s.Person && t.Key == id {
			found = t
		}
	}
	d.mu.RUnlock()
	if found == nil {
		return ErrNoRecord
	}
	if err := d.onRecord(Event{What: TokenRevoked, Actor: found.Person, Object: found.Person}); err != nil {
		return err
	}
	if err := d.forgetTokens(ctx, []*tokenEntry{found}); err != nil {
		return err
	}
	v, err := s.Vault()
	if err != nil {
		return err
	}
	if err := v.Write(ctx, Edit{Delete: []ID{found.record}}); err != nil && !errors.Is(err, ErrNoRecord) {
		return err
	}
	if found.Scope != ScopeAll {
		d.noteEntry(ctx, s, Deed{What: DeedTokenRevoked})
		return nil
	}
	return d.reslot(ctx, s, Event{What: SlotRemoved, Detail: uint32(SlotToken)}, Deed{What: DeedTokenRevoked},
		func(next *slotSet, _ *seal.Key) error {
			next.drop(found.Slot)
			return nil
		})
}

// forgetTokens takes entries out of the directory and ends what they opened.
// The caller holds change.
func (d *Directory) forgetTokens(ctx context.Context, gone []*tokenEntry) error {
	var e Edit
	for _, t := range gone {
		e.Delete = append(e.Delete, t.record)
	}
	if len(gone) == 0 {
		return nil
	}
	if err := d.vault.Write(ctx, e); err != nil {
		return fmt.Errorf("the directory: %w", err)
	}
	var leases []Session
	d.mu.Lock()
	for _, t := range gone {
		leases = append(leases, d.leases[t.key])
		t.grant.back.Store(true)
		delete(d.tokens, t.key)
		delete(d.leases, t.key)
		delete(d.deeds, t.key)
	}
	d.mu.Unlock()
	for _, s := range leases {
		s.End()
	}
	d.fasten()
	return nil
}

// tokenOf tells whether a slot is that of a token.
func (d *Directory) tokenOf(slot ID) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, t := range d.tokens {
		if t.Slot == slot {
			return true
		}
	}
	return false
}

// dropTokens takes away the tokens that opened a vault whose root key changed.
func (d *Directory) dropTokens(ctx context.Context, p PersonID) error {
	d.change.Lock()
	defer d.change.Unlock()
	var gone []*tokenEntry
	d.mu.RLock()
	for _, t := range d.tokens {
		if t.person == p && t.Scope == ScopeAll {
			gone = append(gone, t)
		}
	}
	d.mu.RUnlock()
	return d.forgetTokens(ctx, gone)
}
