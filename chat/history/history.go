// Package history keeps a person's conversations in their vault, and finds them
// again. Each conversation is a container of its own, so that deleting it
// destroys its key. The index for searching is derived: it lies in the vault as
// sealed segments, in memory only while the vault is open, and is built anew
// from the turns wherever a part of it is missing or damaged.
//
// It knows nothing of models, engines, screens or wire formats, and of no other
// person: one History serves one open vault.
//
//	h, err := history.Open(ctx, v, history.Config{})
//	c, err := h.New(ctx, history.Start{Model: "smollm2"}, history.Turn{Role: history.User, Text: "Hello"})
//	err = h.Close(ctx)
package history

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"abaton.local/library/bm25"
	"abaton.local/vault"
)

// Vault is what history needs of a person's open vault. *[vault.Vault] has it.
type Vault interface {
	// List gives the records of a kind in a container, zero for all, by their
	// order and without reading from the store.
	List(vault.Kind, vault.ID) []vault.Record
	// Lookup gives one record's place, vault.ErrNoRecord where there is none.
	Lookup(vault.ID) (vault.Record, error)
	// ReadMany gives records in any order. One that cannot be read comes with its
	// error and its ID, and others follow.
	ReadMany(context.Context, []vault.ID) iter.Seq2[vault.Content, error]
	// Write makes an edit, all of it or none, durable when it returns nil. An
	// empty edit finds out whether one happened that had no clear end.
	Write(context.Context, vault.Edit) error
}

// Config of a history. Every zero field has a default.
type Config struct {
	Now func() time.Time
	// SealEvery is the number of texts after which those in memory are sealed into
	// a segment; until then they are indexed anew after a crash. 1,024.
	SealEvery int
	// MaxSegment is the number of texts from which on a segment grows no more:
	// deleting rewrites the segments that held what is deleted. 16,384.
	MaxSegment int
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.SealEvery <= 0 {
		c.SealEvery = 1024
	}
	if c.MaxSegment <= 0 {
		c.MaxSegment = 16384
	}
	return c
}

// History is the conversations of one person while their vault is open. It is
// safe for concurrent use.
type History struct {
	vault  Vault
	config Config

	writing sync.Mutex   // held by whoever changes something; mu is taken after it
	mu      sync.RWMutex // nobody waits for the vault's store with mu held
	state   *state       // nil once closed; replaced with both locks held
	doubt   bool         // a change had no clear end: state may be behind the vault; guarded by writing
}

// state is what is in memory. Its maps are written with writing and mu held,
// and read with either.
type state struct {
	conversations map[vault.ID]*Conversation
	last          map[vault.ID]uint64        // order of each conversation's newest turn
	titles        map[bm25.ID]vault.ID       // which conversation a title that is indexed belongs to
	index         *bm25.Index                // has locks of its own
	kept          map[*bm25.Segment]vault.ID // where a segment lies in the vault
	broken        []vault.ID                 // segments that cannot be used, to be dropped with the next sealing
	sealAt        int                        // texts in the open part at which to seal it
	damage        []error
}

// Open reads the titles of all conversations and the index. Turns that are in no
// segment are read too, and indexed: after a crash a few, after damage to the
// index perhaps all. Damage to single records does not keep the rest from being
// opened: see [History.Damage]. The vault stays the caller's.
func Open(ctx context.Context, v Vault, c Config) (*History, error) {
	h := &History{vault: v, config: c.withDefaults()}
	h.writing.Lock()
	defer h.writing.Unlock()
	if err := h.load(ctx); err != nil {
		return nil, err
	}
	return h, nil
}

// Close seals what is not sealed yet and forgets everything. The history is
// closed whatever Close returns, and no words are lost by an error: what was not
// sealed is indexed anew at the next opening. It comes before closing the vault.
func (h *History) Close(ctx context.Context) error {
	h.writing.Lock()
	defer h.writing.Unlock()
	if h.state == nil {
		return nil
	}
	var err error
	if !h.doubt {
		err = h.seal(ctx)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state = nil
	if errors.Is(err, vault.ErrLocked) {
		return nil // locked in between
	}
	return err
}

// Damage is what could not be read at the opening, nil where all was well. It
// names identifiers only.
func (h *History) Damage() error {
	s, err := h.reading()
	if err != nil {
		return err
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return errors.Join(s.damage...)
}

// reading gives the state to look at.
func (h *History) reading() (*state, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.state == nil {
		return nil, vault.ErrLocked
	}
	return h.state, nil
}

// changing gives the state to change; the caller holds writing.
func (h *History) changing(ctx context.Context) (*state, error) {
	if h.state == nil {
		return nil, vault.ErrLocked
	}
	if h.doubt {
		if err := h.vault.Write(ctx, vault.Edit{}); err != nil {
			return nil, err
		}
		if err := h.load(ctx); err != nil {
			return nil, err
		}
	}
	return h.state, nil
}
