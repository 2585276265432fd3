// Package resume keeps what models had read of conversations, sealed in the vault
// of the person whose conversation it is, so that a conversation goes on at once
// after its engine ended. A snapshot is as secret as the words that it was made
// of: it holds them.
package resume

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"abaton.local/engine"
	"abaton.local/vault"
)

// Vault is what this room needs of a person's open vault. *[vault.Vault] has it.
type Vault interface {
	List(vault.Kind, vault.ID) []vault.Record
	Read(context.Context, vault.ID) ([]byte, error)
	Write(context.Context, vault.Edit) error
}

// Keeper keeps snapshots of everybody whose vault is open. It is an
// engine.Keeper, and safe for concurrent use.
type Keeper struct {
	most int64 // bytes for one person

	mu      sync.Mutex
	shelves map[engine.Person]*shelf
}

// shelf is one person's snapshots over one opening of their vault.
type shelf struct {
	vault Vault

	mu     sync.Mutex // held while snapshots are listed, written or dropped
	loaded bool
	secret [32]byte
	kept   []entry // the oldest first
}

type entry struct {
	id vault.ID
	label
}

// New makes a Keeper that gives each person so many bytes.
func New(most int64) *Keeper { return &Keeper{most: most, shelves: map[engine.Person]*shelf{}} }

// Opened says that a person's vault is open.
func (k *Keeper) Opened(p engine.Person, v Vault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.shelves[p] = &shelf{vault: v}
}

// Closed says that it is locked.
func (k *Keeper) Closed(p engine.Person) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.shelves, p)
}

// with runs f on a person's shelf: vault.ErrLocked where their vault is not open.
func (k *Keeper) with(ctx context.Context, p engine.Person, f func(*shelf) error) error {
	k.mu.Lock()
	s := k.shelves[p]
	k.mu.Unlock()
	if s == nil {
		return vault.ErrLocked
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(ctx); err != nil {
		return err
	}
	return f(s)
}

// Secret implements engine.Keeper.
func (k *Keeper) Secret(ctx context.Context, p engine.Person) (secret [32]byte, err error) {
	err = k.with(ctx, p, func(s *shelf) error {
		secret = s.secret
		return nil
	})
	return secret, err
}

// Kept implements engine.Keeper.
func (k *Keeper) Kept(ctx context.Context, p engine.Person) (list []engine.Snapshot, err error) {
	err = k.with(ctx, p, func(s *shelf) error {
		for _, e := range s.kept {
			list = append(list, engine.Snapshot{ID: e.id.String(), Label: e.Label})
		}
		return nil
	})
	return list, err
}

// Drop implements engine.Keeper.
func (k *Keeper) Drop(ctx context.Context, p engine.Person, ids []string) error {
	return k.with(ctx, p, func(s *shelf) error { return s.drop(ctx, s.named(ids)) })
}

// Forget drops all of a person's snapshots. It needs nothing but the vault: what
// cannot be read goes too.
func Forget(ctx context.Context, v Vault) error {
	seen := map[vault.ID]bool{}
	var e vault.Edit
	for _, r := range v.List(vault.KindResume, vault.ID{}) {
		if r.Order != orderSecret && !seen[r.Container] {
			seen[r.Container] = true
			e.Drop = append(e.Drop, r.Container)
		}
	}
	if len(e.Drop) == 0 {
		return nil
	}
	if err := v.Write(ctx, e); err != nil {
		return fmt.Errorf("dropping what models had read: %w", err)
	}
	return nil
}

// Forget drops all of a person's snapshots.
func (k *Keeper) Forget(ctx context.Context, p engine.Person) error {
	k.mu.Lock()
	s := k.shelves[p]
	k.mu.Unlock()
	if s == nil {
		return vault.ErrLocked
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded, s.kept = false, nil
	return Forget(ctx, s.vault)
}

// Orders of the records: a label comes before its parts.
const (
	orderLabel  = 0 // parts count from 1
	orderSecret = ^uint64(0)
)

// load reads all labels, once. What cannot be used is dropped: a part whose label
// was never written, a label that is damaged or of another version.
func (s *shelf) load(ctx context.Context) error {
	if s.loaded {
		return nil
	}
	var kept []entry
	whole := map[vault.ID]bool{}
	var secret []byte
	var edit vault.Edit
	gone := map[vault.ID]bool{}
	drop := func(c vault.ID) {
		if !gone[c] {
			gone[c] = true
			edit.Drop = append(edit.Drop, c)
		}
	}
	for _, r := range s.vault.List(vault.KindResume, vault.ID{}) {
		switch r.Order {
		case orderLabel:
			b, err := s.vault.Read(ctx, r.ID)
			var l label
			if err == nil {
				l, err = parseLabel(b)
			}
			if _, damaged := errors.AsType[*vault.Damage](err); err != nil && !damaged && !errors.Is(err, errLabel) {
				return err
			}
			if err != nil || r.ID != r.Container {
				drop(r.Container)
				continue
			}
			whole[r.Container] = true
			kept = append(kept, entry{r.ID, l})
		case orderSecret:
			b, err := s.vault.Read(ctx, r.ID)
			if _, damaged := errors.AsType[*vault.Damage](err); err != nil && !damaged {
				return err
			}
			if err != nil || len(b) != len(s.secret) || secret != nil {
				drop(r.Container)
				continue
			}
			secret = b
		default:
			if !whole[r.Container] {
				drop(r.Container)
			}
		}
	}
	if secret == nil {
		secret = make([]byte, len(s.secret))
		rand.Read(secret) // never fails, by its contract
		id := vault.NewID()
		edit.Put = append(edit.Put, vault.Put{ID: id, Container: id, Kind: vault.KindResume, Order: orderSecret, Payload: bytes.Clone(secret)})
	}
	if len(edit.Put)+len(edit.Drop) > 0 {
		if err := s.vault.Write(ctx, edit); err != nil {
			return fmt.Errorf("what models had read: %w", err)
		}
	}
	sortByTime(kept)
	s.secret, s.kept, s.loaded = [32]byte(secret), kept, true
	return nil
}

// named are the entries of those identifiers.
func (s *shelf) named(ids []string) (found []entry) {
	for _, e := range s.kept {
		for _, id := range ids {
			if e.id.String() == id {
				found = append(found, e)
				break
			}
		}
	}
	return found
}

func (s *shelf) drop(ctx context.Context, list []entry) error {
	if len(list) == 0 {
		return nil
	}
	err := s.vault.Write(ctx, vault.Edit{Drop: containers(list)})
	if err != nil {
		s.loaded = false // whether it happened is not known
		return fmt.Errorf("dropping what models had read: %w", err)
	}
	s.without(list)
	return nil
}

func (s *shelf) without(list []entry) {
	left := s.kept[:0:0]
	for _, e := range s.kept {
		gone := false
		for _, g := range list {
			gone = gone || g.id == e.id
		}
		if !gone {
			left = append(left, e)
		}
	}
	s.kept = left
}

func containers(list []entry) (ids []vault.ID) {
	for _, e := range list {
		ids = append(ids, e.id)
	}
	return ids
}
