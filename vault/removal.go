package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
)

// Remove destroys a person's keys, and with them all that they kept, at once.
// A person may remove themself; an owner anybody but the last owner.
func (d *Directory) Remove(ctx context.Context, s Session, id PersonID) error {
	if !s.Unlocked() || s.Way() == SlotToken {
		return ErrLocked
	}
	if s.Person != id {
		if err := d.owner(s); err != nil {
			return err
		}
	}
	d.change.Lock()
	defer d.change.Unlock()
	p, ok := d.who(id)
	if !ok || p.State != active && p.State != disabled {
		return ErrNoPerson
	}
	if p.Role == RoleOwner && p.State == active && d.owners() == 1 {
		return ErrLastOwner
	}
	if err := d.config.Audit.Record(Event{What: PersonRemoved, Actor: identity(s.Person), Object: identity(id)}); err != nil {
		return fmt.Errorf("the shared record: %w", err)
	}
	// From here on nothing may stop it halfway: what a crash leaves is finished at
	// the next start.
	p.State = leaving
	if err := d.save(ctx, p); err != nil {
		return err
	}
	d.expel(id)
	if err := d.erase(ctx, p); err != nil {
		return fmt.Errorf("removing a person, which is finished at the next start: %w", err)
	}
	return d.bindNow()
}

// erasures is how often erasing is tried: an unlocking that was on its way when
// somebody was expelled writes a last word or two.
const erasures = 8

// erase destroys the vault of somebody who is leaving, and forgets them. The
// caller holds change, or is alone.
func (d *Directory) erase(ctx context.Context, p person) error {
	id := identity(p.id)
	var err error
	for range erasures {
		var shell Shell
		if shell, err = d.config.Store.Shell(ctx, id); err == nil {
			err = d.config.Store.Commit(ctx, Change{Vault: id, From: shell.Seq, Destroy: true})
		}
		if !errors.Is(err, ErrConflict) {
			break
		}
	}
	if err != nil && !errors.Is(err, ErrNoVault) {
		return err
	}
	e := Edit{Delete: []ID{id}}
	d.mu.RLock()
	for _, t := range d.tokens {
		if t.person == p.id {
			e.Delete = append(e.Delete, t.record)
		}
	}
	d.mu.RUnlock()
	slices.SortFunc(e.Delete, func(a, b ID) int { return bytes.Compare(a[:], b[:]) })
	if err := d.vault.Write(ctx, e); err != nil {
		return err
	}
	d.mu.Lock()
	d.unindex(&p)
	for key, t := range d.tokens {
		if t.person == p.id {
			delete(d.tokens, key)
			delete(d.leases, key)
		}
	}
	d.mu.Unlock()
	d.heads.forget(id)
	return nil
}

// finish completes what a crash interrupted: who was joining never came, who
// was leaving is gone.
func (d *Directory) finish(ctx context.Context) error {
	var undone []person
	for _, p := range d.people {
		if p.State == joining || p.State == leaving {
			undone = append(undone, *p)
		}
	}
	for _, p := range undone {
		if p.State == joining && p.Adopts {
			d.unindex(&p) // the vault is somebody's whole history: it stays
			if err := d.vault.Write(ctx, Edit{Delete: []ID{identity(p.id)}}); err != nil {
				return err
			}
			continue
		}
		if err := d.erase(ctx, p); err != nil {
			return err
		}
	}
	return nil
}
