package library

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"abaton.local/library/bm25"
	"abaton.local/library/vector"
	"abaton.local/vault"
)

// Passages are embedded some at a time, whenever the vault is open and something
// makes vectors. What is to be done is told by what there is: passages without a
// vector. So nothing is kept of the queue itself, and wherever it is broken off,
// by a lock, a crash or a full disk, it goes on.

// work is what one model has to embed.
type work struct {
	space     vector.Space
	documents []vault.ID         // that may have passages without a vector
	skipped   map[vector.ID]bool // passages of which none can be made; tried anew at the next opening
}

// Embed embeds some passages, and says whether there may be more to do. Where
// there is not, all is sealed, and vectors of a model that was there before are
// destroyed.
func (l *Libraries) Embed(ctx context.Context) (more bool, err error) {
	l.embedding.Lock()
	defer l.embedding.Unlock()
	if _, err := l.reading(); err != nil {
		return false, fmt.Errorf("embedding: %w", err)
	}
	if l.config.Embed == nil {
		return false, ErrNoEmbedder
	}
	m, err := l.config.Embed.Model(ctx)
	if err != nil {
		return false, err
	}
	b, err := l.next(ctx, m)
	if err != nil {
		return false, fmt.Errorf("embedding: %w", err)
	}
	if len(b) == 0 {
		if err := l.whole(ctx, m); err != nil {
			return false, fmt.Errorf("embedding: %w", err)
		}
		return false, nil
	}
	if err := l.embedBatch(ctx, m, b); err != nil {
		return false, fmt.Errorf("embedding: %w", err)
	}
	return true, nil
}

// lacking is a passage without a vector, and the record that holds its text.
type lacking struct {
	id   vector.ID
	leaf vault.ID
}

// next finds passages that m has no vector of.
func (l *Libraries) next(ctx context.Context, m Model) (b []lacking, err error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	s, err := l.changing(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	space := m.space()
	if s.work == nil || s.work.space != space {
		s.work = &work{space: space, skipped: make(map[vector.ID]bool), documents: s.inOrder()}
	}
	all := s.work.documents
	left := all[:0]
	for i, id := range all {
		if len(b) == l.config.EmbedAtOnce {
			left = append(left, all[i:]...)
			break
		}
		before := len(b)
		if b = l.lack(s, b, id); len(b) > before {
			left = append(left, id)
		}
	}
	s.work.documents = left
	return b, nil
}

// lack adds what a document lacks to b, as far as that may grow. The caller holds
// what guards the state.
func (l *Libraries) lack(s *state, b []lacking, document vault.ID) []lacking {
	d := s.documents[document]
	if d == nil || s.shelves[d.Library] == nil {
		return b
	}
	x := s.shelves[d.Library]
	m := x.meanings[s.work.space]
	if m != nil && m.index.Len() == x.Passages {
		return b // so of all documents after an unlocking: nobody looks for each of their passages
	}
	var list []vault.Record
	for n := range d.Passages {
		id := vector.ID(passageID(d.ID, n))
		if s.work.skipped[id] || m != nil && m.index.Has(id) {
			continue
		}
		if len(b) == l.config.EmbedAtOnce {
			break
		}
		if list == nil {
			list = l.vault.List(vault.KindPassages, d.ID)
		}
		lacks := lacking{id: id}
		if at := leafOf(list, n); at >= 0 {
			lacks.leaf = list[at].ID
		}
		b = append(b, lacks)
	}
	return b
}

// leafOf says which of a document's records of passages holds one, -1 if none.
func leafOf(list []vault.Record, n int) int {
	return sort.Search(len(list), func(i int) bool { return list[i].Order > uint64(n) }) - 1
}

// inOrder is all documents that have passages, in the order of their adding.
func (s *state) inOrder() (ids []vault.ID) {
	for _, d := range slices.SortedFunc(maps.Values(s.documents), func(a, b *Document) int {
		return cmp.Or(a.Added.Compare(b.Added), bytes.Compare(a.ID[:], b.ID[:]))
	}) {
		if d.Passages > 0 {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// embedBatch makes and takes the vectors of passages. Nothing is locked while they
// are made, for that takes long.
func (l *Libraries) embedBatch(ctx context.Context, m Model, b []lacking) error {
	var wanted []vault.ID
	for _, x := range b {
		if x.leaf != (vault.ID{}) && !slices.Contains(wanted, x.leaf) {
			wanted = append(wanted, x.leaf)
		}
	}
	leaves, _, err := l.leaves(ctx, wanted) // damage was said at the opening
	if err != nil {
		return err
	}
	var ids []vector.ID
	var texts []string
	for _, x := range b {
		_, n := placeOf(bm25.ID(x.id))
		if f, ok := leaves[x.leaf]; ok && n >= f.First && n-f.First < len(f.Passages) {
			ids, texts = append(ids, x.id), append(texts, m.Passage+f.searchable(f.Passages[n-f.First]))
		}
	}
	var vectors [][]float32
	if len(texts) > 0 {
		if vectors, err = l.embed(ctx, m, texts); err != nil {
			return err
		}
	}
	made := make(map[vector.ID][]float32, len(ids))
	for i, id := range ids {
		made[id] = vectors[i]
	}
	return l.takeVectors(ctx, m, b, made)
}

// takeVectors lets passages be found by their vectors, as far as they are still
// there, and seals where enough has come. That sealing fails is no loss: see
// sealIfDue.
func (l *Libraries) takeVectors(ctx context.Context, m Model, b []lacking, made map[vector.ID][]float32) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	s, err := l.changing(ctx)
	if err != nil {
		return err
	}
	space := m.space()
	l.mu.Lock()
	if _, ok := s.makers[space]; !ok {
		s.makers[space] = maker{Model: m}
	}
	grown := make(map[*shelf]bool)
	for _, lacks := range b {
		k, n := placeOf(bm25.ID(lacks.id))
		d := s.documents[s.keys[k]]
		if d == nil || n >= d.Passages || s.shelves[d.Library] == nil {
			continue // removed meanwhile
		}
		x := s.shelves[d.Library]
		of, err := x.meaningsOf(space)
		if err != nil {
			l.mu.Unlock()
			return err
		}
		v := made[lacks.id]
		if v == nil || of.index.Add(lacks.id, v) != nil {
			if s.work != nil && s.work.space == space {
				s.work.skipped[lacks.id] = true
			}
			continue
		}
		grown[x] = true
	}
	l.mu.Unlock()
	for x := range grown {
		if x.count(space) > 0 && x.meanings[space].index.Open() >= l.config.SealVectors {
			_ = l.sealMeanings(ctx, x, space)
		}
	}
	return nil
}

// How long Run waits after a failure, at first and at most, and before it looks
// whether there is another model.
const (
	firstPause = time.Second
	mostPause  = 5 * time.Minute
	lookAgain  = time.Minute
)

// Run embeds what there is and what comes, until ctx ends or the libraries are
// closed.
func (l *Libraries) Run(ctx context.Context) {
	failed := time.Duration(0)
	for ctx.Err() == nil {
		more, err := l.Embed(ctx)
		pause := lookAgain
		switch {
		case errors.Is(err, vault.ErrLocked):
			return
		case err != nil:
			failed = min(max(2*failed, firstPause), mostPause)
			pause = failed
		case more:
			failed = 0
			continue
		default:
			failed = 0
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-l.came:
		}
		timer.Stop()
	}
}
