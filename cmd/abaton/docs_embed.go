package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"abaton.local/engine"
	"abaton.local/library"
	"abaton.local/models"
	"abaton.local/vault"
)

// usualEmbedder is the model of the catalogue that finds by meaning where nobody
// chose another.
const usualEmbedder = "granite-embedding-107m-multilingual"

var (
	errNoEngineHere = errors.New("`abaton serve` finds by meaning, too: no engine runs in this process")
	errNoEmbedder   = errors.New("`abaton pull " + usualEmbedder + "` fetches a model that finds by meaning (one that we have not tried ourselves yet)")
	errNotInTime    = errors.New("the engine had too much to do to look for meaning in time; ask again")
)

// embedders knows which model embeds in this house. What it knows of a model it
// read from its header once.
type embedders struct {
	rooms *rooms // nil: no engine runs here
	named string // the model that somebody chose; empty for the catalogue's

	mu    sync.Mutex
	known map[models.Digest]library.Model // guarded by mu
}

// now is the model that passages are embedded with from now on.
func (e *embedders) now() (library.Model, error) {
	if e == nil || e.rooms == nil || e.rooms.engine == nil {
		return library.Model{}, errNoEngineHere
	}
	if e.named != "" {
		p, err := e.rooms.shelf.Find(e.named)
		if err != nil {
			return library.Model{}, err
		}
		return e.look(p)
	}
	list, _ := e.rooms.shelf.List() // a damaged passport is none of an embedder that is well
	for _, entry := range models.Catalogue() {
		for _, p := range list {
			if entry.Role == "embed" && p.Digest == entry.Digest {
				return e.look(p)
			}
		}
	}
	return library.Model{}, errNoEmbedder
}

// look reads what a model is.
func (e *embedders) look(p models.Passport) (library.Model, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if m, ok := e.known[p.Digest]; ok {
		return m, nil
	}
	shape, err := e.rooms.shelf.Shape(p)
	if err != nil {
		return library.Model{}, err
	}
	if shape.Pooling == models.NoPooling || shape.Pooling == models.RankPooling {
		return library.Model{}, fmt.Errorf("the model %s makes no embeddings: choose another with --embed, or none", cleanLine(p.Name))
	}
	m := library.Model{Digest: p.Digest, Pooling: int(shape.Pooling), Dims: int(shape.Embedding)}
	if strings.HasPrefix(p.Name, "qwen3-embedding") { // what its card wants before a question
		m.Query = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: "
	}
	if e.known == nil {
		e.known = map[models.Digest]library.Model{}
	}
	e.known[p.Digest] = m
	return m, nil
}

// embedder makes vectors for one person, by workers that are theirs alone.
type embedder struct {
	of     *embedders
	person vault.PersonID
}

// askedWithin is how long a person waits for a question's vector, the start of an
// engine included, before passages are found by words alone.
const askedWithin = 10 * time.Second

func (e embedder) Model(context.Context) (library.Model, error) { return e.of.now() }

func (e embedder) Embed(ctx context.Context, m library.Model, texts []string, query bool) ([][]float32, error) {
	if e.of == nil || e.of.rooms == nil || e.of.rooms.engine == nil {
		return nil, errNoEngineHere
	}
	within := ctx
	if query {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(ctx, askedWithin)
		defer cancel()
	}
	v, err := e.of.rooms.engine.Embed(within, engine.Meaning{Person: engine.Person(e.person), Model: m.Digest, Texts: texts, Cut: true, Behind: !query})
	if err != nil && ctx.Err() == nil && within.Err() != nil {
		return nil, errNotInTime
	}
	if fault, ok := errors.AsType[*engine.Fault](err); ok && (fault.Kind == engine.Poison || fault.Kind == engine.BadRequest && strings.HasPrefix(fault.Detail, "input[")) {
		return nil, fmt.Errorf("%w: %s", library.ErrText, fault.What)
	}
	if err != nil {
		return nil, err
	}
	if len(v.Of) != len(texts) || len(v.Of[0]) != m.Dims {
		return nil, errors.New("the embedding model made something else than its header says: choose another with --embed")
	}
	return v.Of, nil
}

// embedSoon lets passages of a person whose vault was just opened be embedded, if
// there are any, whether or not they ask for their documents.
func (h *home) embedSoon(person vault.PersonID, v *vault.Vault) {
	if h.embedders == nil || h.embedders.rooms == nil || len(v.List(vault.KindDocument, vault.ID{})) == 0 {
		return
	}
	k := h.shelfOf(person, v) // now: later it may be another opening's turn
	h.background.Go(func() {
		_, _ = h.opened(k.locked, k, person) // who asks for their documents is told what is wrong
	})
}

// embedFrom embeds what a person's documents lack, until their vault locks. The
// caller holds the shelf's mu.
func (h *home) embedFrom(k *shelved) {
	k.embedded = make(chan struct{})
	h.background.Go(func() {
		defer close(k.embedded)
		k.libraries.Run(k.locked)
	})
}

// stopped waits a moment for embedding to end on a shelf that was shut: what was
// handed over lies in memory until it does, and memory is cleaned after a lock.
func (k *shelved) stopped() {
	if k == nil || !k.mu.TryLock() { // then it is still being read, and nothing is embedded
		return
	}
	ended := k.embedded
	k.mu.Unlock()
	if ended == nil {
		return
	}
	timer := time.NewTimer(restWithin)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
}

// sealVectors keeps what was embedded since it was last sealed, as somebody's vault
// is about to lock: all else of an index is made anew at once, and this takes long.
func (h *home) sealVectors(person vault.PersonID) {
	h.mu.Lock()
	k := h.shelves[person]
	h.mu.Unlock()
	if k == nil || !k.mu.TryLock() { // then it is still being read, and nothing came since
		return
	}
	defer k.mu.Unlock()
	if k.libraries != nil {
		ctx, cancel := context.WithTimeout(context.Background(), restWithin)
		defer cancel()
		_ = k.libraries.Seal(ctx) // what is not sealed is embedded anew
	}
}

// wordsAlone says why passages were not looked for by meaning; nothing where they
// were, or where there are none.
func wordsAlone(err error) string {
	if err == nil {
		return ""
	}
	if errors.Is(err, library.ErrNotEmbedded) {
		return "passages are still being embedded: `abaton docs` says how far"
	}
	return err.Error()
}
