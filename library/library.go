// Package library keeps a person's documents in their vault, and finds passages
// of them again. Each document is a container of its own, so that removing it
// destroys its key. The index is derived: it lies in the vault as sealed
// segments, in memory only while the vault is open, and is built anew from the
// passages wherever a part of it is missing or damaged.
//
// It opens no file and reads no format: whoever adds a document hands over its
// bytes, and a [Parser], which is given, reads them elsewhere. One Libraries
// serves one open vault.
//
//	l, err := library.Open(ctx, v, library.Config{Parse: inTheJail})
//	out, err := l.Add(ctx, library.File{Library: "house", Path: "/home/ada/lease.docx", Data: b})
//	found, err := l.Search(ctx, nil, "notice period", 10)
package library

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"abaton.local/library/bm25"
	"abaton.local/library/parse"
	"abaton.local/library/vector"
	"abaton.local/vault"
)

// Vault is what this room needs of a person's open vault. *[vault.Vault] has it.
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

// Parser reads a document, which is hostile, in a process that cannot do harm. A
// *parse.RefusedError is about this document; any other error says that
// documents cannot be read here.
type Parser func(context.Context, parse.Source) (parse.Document, error)

// Config of a person's libraries. Every zero field has a default.
type Config struct {
	// Parse is needed to add documents; without it, ErrNoParser.
	Parse Parser
	// Embed lets passages be found by their meaning, too; without it by words alone.
	Embed Embedder
	Now   func() time.Time
	// SealEvery is the number of passages after which those in memory are sealed
	// into a segment; until then they are indexed anew after a crash. 4,096.
	SealEvery int
	// MaxSegment is the number of passages from which on a segment grows no more:
	// removing rewrites the segments that held what is removed. 16,384.
	MaxSegment int
	// EmbedAtOnce is how many passages are handed to Embed together, 16, and
	// SealVectors after how many they are sealed: until then they are embedded anew
	// after a crash. 256.
	EmbedAtOnce int
	SealVectors int
	// MostWithin bounds how many documents one file may hold, and how many bytes
	// they have in all: 2,000 and 512 MB.
	MostWithin  int
	BytesWithin int
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.SealEvery <= 0 {
		c.SealEvery = 4096
	}
	if c.MaxSegment <= 0 {
		c.MaxSegment = 16384
	}
	if c.EmbedAtOnce <= 0 {
		c.EmbedAtOnce = 16
	}
	if c.SealVectors <= 0 {
		c.SealVectors = 256
	}
	if c.MostWithin <= 0 {
		c.MostWithin = 2000
	}
	if c.BytesWithin <= 0 {
		c.BytesWithin = 512 << 20
	}
	return c
}

// Libraries are the documents of one person while their vault is open. It is
// safe for concurrent use.
type Libraries struct {
	vault  Vault
	config Config

	came      chan struct{} // to Run: there may be something to embed
	embedding sync.Mutex    // held while passages are embedded; writing is taken after it

	writing sync.Mutex   // held by whoever changes something; mu is taken after it
	mu      sync.RWMutex // nobody waits for the vault's store with mu held
	state   *state       // nil once closed; replaced with both locks held
	doubt   bool         // a change had no clear end: state may be behind the vault; guarded by writing
}

// state is what is in memory. Its maps are written with writing and mu held,
// and read with either.
type state struct {
	shelves   map[vault.ID]*shelf // by library
	documents map[vault.ID]*Document
	keys      map[key]vault.ID       // of documents
	makers    map[vector.Space]maker // models whose vectors there are
	work      *work                  // nil until something is embedded
	broken    []vault.ID             // segments that cannot be used, to be dropped with the next change
	damage    []error
}

// shelf is one library and its index.
type shelf struct {
	Library
	paths    map[string]vault.ID        // which document was added from where
	index    *bm25.Index                // has locks of its own
	kept     map[*bm25.Segment]vault.ID // where a segment lies in the vault
	sealAt   int                        // passages in the open part at which to seal it
	meanings map[vector.Space]*meanings // by what made them
}

func newShelf(l Library, sealAt int) *shelf {
	return &shelf{Library: l, paths: make(map[string]vault.ID), index: bm25.NewIndex(), kept: make(map[*bm25.Segment]vault.ID), sealAt: sealAt, meanings: make(map[vector.Space]*meanings)}
}

// Open reads what documents there are, and the index. Passages that are in no
// segment are read too, and indexed: after a crash a few, after damage to the
// index perhaps all. Damage to single records does not keep the rest from being
// opened: see [Libraries.Damage]. The vault stays the caller's.
func Open(ctx context.Context, v Vault, c Config) (*Libraries, error) {
	l := &Libraries{vault: v, config: c.withDefaults(), came: make(chan struct{}, 1)}
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.load(ctx); err != nil {
		return nil, err
	}
	return l, nil
}

// Close seals what is not sealed yet and forgets everything. The libraries are
// closed whatever Close returns, and nothing is lost by an error: what was not
// sealed is indexed anew at the next opening. It comes before closing the vault.
func (l *Libraries) Close(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.state == nil {
		return nil
	}
	err := l.sealAll(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = nil
	if errors.Is(err, vault.ErrLocked) {
		return nil // locked in between
	}
	return err
}

// Seal seals what is not sealed yet, so that nothing has to be indexed or embedded
// anew at the next opening.
func (l *Libraries) Seal(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.state == nil {
		return vault.ErrLocked
	}
	return l.sealAll(ctx)
}

// sealAll is Seal; the caller holds writing.
func (l *Libraries) sealAll(ctx context.Context) (err error) {
	if l.doubt {
		return nil // what is in memory may be behind the vault
	}
	for _, x := range l.state.shelves {
		err = errors.Join(err, l.seal(ctx, x))
		for space := range x.meanings {
			err = errors.Join(err, l.sealMeanings(ctx, x, space))
		}
	}
	return err
}

// Damage is what could not be read at the opening, nil where all was well. It
// names identifiers only.
func (l *Libraries) Damage() error {
	s, err := l.reading()
	if err != nil {
		return err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return errors.Join(s.damage...)
}

// reading gives the state to look at.
func (l *Libraries) reading() (*state, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.state == nil {
		return nil, vault.ErrLocked
	}
	return l.state, nil
}

// changing gives the state to change; the caller holds writing.
func (l *Libraries) changing(ctx context.Context) (*state, error) {
	if l.state == nil {
		return nil, vault.ErrLocked
	}
	if l.doubt {
		if err := l.vault.Write(ctx, vault.Edit{}); err != nil {
			return nil, err
		}
		if err := l.load(ctx); err != nil {
			return nil, err
		}
	}
	return l.state, nil
}
