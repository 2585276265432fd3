package main

import (
	"context"
	"errors"
	"sync"

	"abaton.local/audit"
	"abaton.local/library"
	"abaton.local/library/reader"
	"abaton.local/sandbox"
	"abaton.local/vault"
)

// shelved is a person's documents over one opening of their vault.
type shelved struct {
	vault       *vault.Vault
	mu          sync.Mutex         // held while they are read: others of the house need not wait for it
	libraries   *library.Libraries // nil until they are; guarded by mu
	embedded    chan struct{}      // closed once nothing of them is embedded any more; nil: nothing is; guarded by mu
	reading     chan struct{}      // holds one while a document of theirs is read: others have their turn, too
	recognising chan struct{}      // and one while pages of one are recognised, which nothing else waits for
	showing     chan struct{}      // and one while a document's whole text is put together
	locked      context.Context    // over when the vault locks
	lock        context.CancelFunc

	arriving sync.Mutex
	uploads  map[string]*upload // that are under way, or wait for their verdict, by what their senders call them; guarded by arriving
	waiting  int64              // bytes of files that came in one piece and have no verdict yet; guarded by arriving
	added    uint32             // documents that the audit log does not have yet; guarded by arriving
	removed  uint32             // and those that a watch removed; guarded by arriving
}

func newShelved(v *vault.Vault) *shelved {
	k := &shelved{vault: v, uploads: map[string]*upload{}, reading: make(chan struct{}, 1), recognising: make(chan struct{}, 1), showing: make(chan struct{}, 1)}
	k.locked, k.lock = context.WithCancel(context.Background())
	return k
}

// shut gives up what is under way: nothing of a person's is read or waits to be
// once their vault is locked.
func (k *shelved) shut() {
	k.lock()
	k.arriving.Lock()
	defer k.arriving.Unlock()
	for _, u := range k.uploads {
		u.last.Stop()
	}
	clear(k.uploads)
}

// open is a context that ends when the vault locks, too.
func (k *shelved) open(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(k.locked, cancel)
	return ctx, func() { stop(); cancel() }
}

// documentParser reads documents in a jail: none without one, and none where the
// engine's walls were given up, for that was agreed for engines.
func documentParser(jail *sandbox.Jail) library.Parser {
	if jail == nil {
		return nil
	}
	switch jail.Tier() {
	case sandbox.TierA, sandbox.TierB, sandbox.TierC:
	default:
		return nil
	}
	return reader.New(jail).Parse
}

// readsDocuments says why no document can be added here, if that is so.
func (h *home) readsDocuments() error {
	if h.parse == nil {
		return library.ErrNoParser
	}
	return nil
}

// shelf is what is known of a session's documents, whether they were read or not.
func (h *home) shelf(s vault.Session) (*shelved, error) {
	v, err := s.Vault()
	if err != nil {
		return nil, err
	}
	return h.shelfOf(s.Person, v), nil
}

func (h *home) shelfOf(person vault.PersonID, v *vault.Vault) *shelved {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := h.shelves[person]
	if k != nil && k.vault == v {
		return k
	}
	fresh := newShelved(v)
	if _, err := v.Lookup(vault.ID{}); errors.Is(err, vault.ErrLocked) { // since it was asked for: that was told already
		fresh.shut()
		return fresh
	}
	if k != nil {
		k.shut()
	}
	h.shelves[person] = fresh
	return fresh
}

// libraries is the documents of a session's person, opened with the first
// question for them and gone when the vault locks.
func (h *home) libraries(ctx context.Context, s vault.Session) (*library.Libraries, error) {
	k, err := h.shelf(s)
	if err != nil {
		return nil, err
	}
	return h.opened(ctx, k, s.Person)
}

// opened is the documents of a person, read now if they were not. From then on
// they are embedded behind all else, as long as the vault is open.
func (h *home) opened(ctx context.Context, k *shelved, person vault.PersonID) (*library.Libraries, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.libraries == nil {
		opened, err := library.Open(ctx, k.vault, library.Config{Parse: h.parse, Embed: embedder{h.embedders, person}})
		if err != nil {
			return nil, err
		}
		k.libraries = opened
		if h.embedders != nil && h.embedders.rooms != nil {
			h.embedFrom(k)
		}
	}
	return k.libraries, nil
}

// closeLibraries seals what of the index is not sealed yet.
func (h *home) closeLibraries(ctx context.Context) (err error) {
	h.mu.Lock()
	all := h.shelves
	h.shelves = map[vault.PersonID]*shelved{}
	h.mu.Unlock()
	for person, k := range all {
		k.shut()
		k.mu.Lock()
		if k.libraries != nil {
			err = errors.Join(err, k.libraries.Close(ctx))
		}
		k.mu.Unlock()
		err = errors.Join(err, h.counted(k, person))
	}
	h.background.Wait()
	return err
}

// take waits for a person's turn to have a document read, or shown.
func take(ctx context.Context, turn chan struct{}) (done func(), err error) {
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// counted puts on the audit log how many documents a person added since the last
// time, and how many a watch removed: numbers, and never which.
func (h *home) counted(k *shelved, person vault.PersonID) error {
	k.arriving.Lock()
	defer k.arriving.Unlock()
	for _, x := range []struct {
		what audit.What
		n    *uint32
	}{{audit.DocumentsAdded, &k.added}, {audit.DocumentsRemoved, &k.removed}} {
		if *x.n == 0 {
			continue
		}
		if err := h.recordDocuments(x.what, person, *x.n); err != nil {
			return err
		}
		*x.n = 0
	}
	return nil
}

func (h *home) recordDocuments(what audit.What, person vault.PersonID, n uint32) error {
	id, err := vault.ParseID(string(person))
	if err != nil {
		return err
	}
	return h.audit.Record(audit.Event{What: what, Actor: id, Object: id, Detail: n})
}
