package vault

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"fmt"

	"abaton.local/vault/internal/seal"
)

// UnlockToken gives the session of a token: known for ScopeAsk and ScopeAudit,
// unlocked for ScopeAll, where it locks Config.TokenIdle after the last request.
func (d *Directory) UnlockToken(ctx context.Context, secret string) (Session, error) {
	b, ok := readToken(secret)
	auth, wrap := tokenKeys(b)
	clear(b[8:])
	defer auth.Clear()
	defer wrap.Clear()
	d.mu.RLock()
	t := d.tokens[tokenID(b[:])]
	var want []byte
	var g *grant // read before the person's state: who is shut out meanwhile has it taken back
	if t != nil {
		g = t.grant
		want, _ = hex.DecodeString(t.Auth)
	} else {
		want = make([]byte, 32)
	}
	lease := d.leases[tokenID(b[:])]
	d.mu.RUnlock()
	same := subtle.ConstantTimeCompare(auth.Bytes(), want) == 1
	if !ok || t == nil || !same || !d.config.Now().Before(t.Expires) {
		return Session{}, ErrToken
	}
	p, known := d.who(t.person)
	if !known || p.State != active {
		return Session{}, ErrToken
	}
	switch t.Scope {
	case ScopeAsk:
		return Session{Person: p.id, token: t.key, grant: g}, nil
	case ScopeAudit:
		return Session{Person: p.id, audits: true, token: t.key, grant: g}, nil
	}
	if _, err := lease.Vault(); err == nil {
		d.tokenUsed(ctx, t.key, lease)
		return lease, nil
	}
	s, err := d.openByToken(ctx, p, t, wrap)
	if err != nil {
		return Session{}, err
	}
	s.token, s.grant = t.key, g
	d.mu.Lock()
	other := d.leases[t.key]
	_, there := d.tokens[t.key]
	late := there && other != lease // another request opened it meanwhile, and works with that
	if there && !late {
		d.leases[t.key] = s
	}
	d.mu.Unlock()
	if late {
		s.End()
		if _, err := other.Vault(); err != nil { // and it was locked again
			return d.UnlockToken(ctx, secret)
		}
		return other, nil
	}
	other.End()
	if !there { // revoked meanwhile
		s.End()
		return Session{}, ErrToken
	}
	d.tokenUsed(ctx, t.key, s)
	return s, nil
}

// TokenSession is the session of whoever acts as a token without showing it, where
// the kernel's word stands for it: known alone, and ErrToken where the token was
// revoked or is over, or was made for a witness.
func (d *Directory) TokenSession(id string) (Session, error) {
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != len(tokenID{}) {
		return Session{}, ErrToken
	}
	d.mu.RLock()
	t := d.tokens[tokenID(b)]
	var g *grant
	if t != nil {
		g = t.grant
	}
	d.mu.RUnlock()
	if t == nil || t.Scope == ScopeAudit || !d.config.Now().Before(t.Expires) {
		return Session{}, ErrToken
	}
	p, known := d.who(t.person)
	if !known || p.State != active {
		return Session{}, ErrToken
	}
	return Session{Person: p.id, token: t.key, grant: g}, nil
}

// openByToken opens the slot of a token.
func (d *Directory) openByToken(ctx context.Context, p person, t *tokenEntry, wrap *seal.Key) (Session, error) {
	id := identity(p.id)
	shell, err := d.config.Store.Shell(ctx, id)
	if err != nil {
		return Session{}, fmt.Errorf("the vault: %w", err)
	}
	set, err := d.checkedSlots(id, shell.Slots)
	if err != nil {
		return Session{}, d.damaged(p, err)
	}
	x, ok := set.named(t.Slot)
	if !ok || x.kind != SlotToken {
		return Session{}, ErrToken
	}
	root, err := d.config.Device.arena.cell()
	if err != nil {
		return Session{}, err
	}
	if err := set.unwrap(root[:], x, wrap.Bytes(), d.config.Device.key); err != nil {
		d.config.Device.arena.release(root)
		return Session{}, ErrToken
	}
	return d.admit(ctx, p, Attempt{Way: SlotToken}, shell.Slots, root, 0)
}

// tokenUsed writes into the person's own journal that a token was used, at most
// once an hour.
func (d *Directory) tokenUsed(ctx context.Context, key tokenID, s Session) {
	now := d.config.Now()
	d.mu.Lock()
	due := now.Sub(d.deeds[key]) >= tokenDeedsApart
	if due {
		d.deeds[key] = now
	}
	d.mu.Unlock()
	if due {
		d.noteEntry(ctx, s, Deed{What: DeedTokenUsed, Way: SlotToken.String()})
	}
}
