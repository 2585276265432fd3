package library

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"

	"abaton.local/library/bm25"
	"abaton.local/library/find"
	"abaton.local/library/vector"
	"abaton.local/vault"
)

// depth is how many passages each ranking gives to the one of both. Where these
// are of a few documents only it gives more, by words and by meaning as many as
// can be ranked while a person waits: whoever plants a document of a thousand
// passages is not to keep all others from being ranked.
const (
	depth        = 100
	deepWords    = 1600
	deepMeanings = 400
)

// ranking is passages by their words and by their meaning.
type ranking struct {
	query     bm25.Query
	scope     bm25.Scope
	words     []find.ID
	cosines   map[find.ID]float64 // of those that are near in meaning
	meaning   []find.ID
	best      float64 // cosine; 0 without meaning
	gate      find.Gate
	wordsOnly error
}

// rank looks for a query in libraries. What is looked for is the person's own.
func (l *Libraries) rank(ctx context.Context, s *state, libraries []vault.ID, query string, n int) (*ranking, error) {
	shelves, err := l.chosen(s, libraries)
	if err != nil {
		return nil, err
	}
	r := &ranking{query: bm25.ParseQuery(query), cosines: make(map[find.ID]float64), gate: find.Needed([32]byte{})}
	documents := 0
	l.mu.RLock()
	for _, x := range shelves {
		r.scope = append(r.scope, x.index)
		documents += x.Documents
	}
	l.mu.RUnlock()
	_ = deeper(n, deepWords, documents, func(n int) ([]find.ID, error) {
		r.words = r.words[:0]
		for _, hit := range r.scope.Search(r.query, n) {
			r.words = append(r.words, find.ID(hit.ID))
		}
		return r.words, nil
	})
	if r.wordsOnly = l.rankMeanings(ctx, s, shelves, query, n, r); r.wordsOnly != nil {
		return r, ctx.Err()
	}
	return r, nil
}

// rankMeanings adds the ranking by meaning, by the model that has vectors of most
// passages, so by one that was there before until another is through. One that
// cannot be asked any more gives way to the next. The error says why there is no
// such ranking.
func (l *Libraries) rankMeanings(ctx context.Context, s *state, shelves []*shelf, query string, n int, r *ranking) error {
	if l.config.Embed == nil {
		return ErrNoEmbedder
	}
	type choice struct {
		Model
		indexes []*vector.Index
		count   int
	}
	var choices []choice
	now, none := l.config.Embed.Model(ctx)
	passages, documents := 0, 0
	l.mu.RLock()
	for _, x := range shelves {
		passages += x.Passages
		documents += x.Documents
	}
	for space, made := range s.makers {
		c := choice{Model: made.Model}
		for _, x := range shelves {
			if m := x.meanings[space]; m != nil {
				c.indexes = append(c.indexes, m.index)
				c.count += m.index.Len()
			}
		}
		if c.count > 0 {
			choices = append(choices, c)
		}
	}
	l.mu.RUnlock()
	slices.SortFunc(choices, func(a, b choice) int {
		if a.count == b.count && none == nil {
			return cmp.Compare(boolean(b.Model == now), boolean(a.Model == now))
		}
		return cmp.Compare(b.count, a.count)
	})
	err := cmp.Or(none, ErrNotEmbedded)
	for _, c := range choices {
		asked, failed := l.config.Embed.Embed(ctx, c.Model, []string{c.Query + query}, true)
		if failed == nil && len(asked) != 1 {
			failed = errors.New("no vector came of what is looked for")
		}
		if failed == nil {
			failed = deeper(n, deepMeanings, documents, func(n int) ([]find.ID, error) {
				var hits []vector.Hit
				for _, index := range c.indexes {
					more, err := index.Search(asked[0], n)
					if err != nil {
						return nil, err
					}
					hits = append(hits, more...)
				}
				r.take(hits, n)
				return r.meaning, nil
			})
		}
		if failed != nil {
			r.take(nil, 0)
			if c.Model == now || err == ErrNotEmbedded {
				err = failed
			}
			continue
		}
		if r.gate = find.Needed(c.Digest); c.count < passages { // what has no vector yet is judged by its words alone
			r.gate.Coverage = min(r.gate.Coverage, find.Needed([32]byte{}).Coverage)
		}
		return nil
	}
	return err
}

// deeper has n passages ranked, and more, up to most, until they come from as many
// documents as an answer has places, or from all that there are.
func deeper(n, most, documents int, search func(n int) ([]find.ID, error)) error {
	for n = max(depth, n); ; n *= 4 {
		got, err := search(n)
		if err != nil || len(got) < n || n >= most {
			return err
		}
		seen := make(map[key]bool)
		for _, id := range got {
			k, _ := placeOf(bm25.ID(id))
			seen[k] = true
		}
		if len(seen) >= min(find.Usual().All, documents) {
			return nil
		}
	}
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// take makes one ranking of what several indexes gave, in the place of what it took
// before.
func (r *ranking) take(hits []vector.Hit, n int) {
	slices.SortFunc(hits, func(a, b vector.Hit) int {
		return cmp.Or(cmp.Compare(b.Cosine, a.Cosine), bytes.Compare(a.ID[:], b.ID[:]))
	})
	r.meaning, r.best = r.meaning[:0], 0
	clear(r.cosines)
	for _, h := range hits[:min(n, len(hits))] {
		r.meaning = append(r.meaning, find.ID(h.ID))
		r.cosines[find.ID(h.ID)] = h.Cosine
		r.best = max(r.best, h.Cosine)
	}
}

// dropFar leaves out what is found by meaning alone and is not near.
func (r *ranking) dropFar() {
	r.meaning = slices.DeleteFunc(r.meaning, func(id find.ID) bool {
		return r.cosines[id] < r.gate.Near && !slices.Contains(r.words, id)
	})
}

// first gives the n best by both rankings.
func (r *ranking) first(n int) (ids []bm25.ID) {
	for _, x := range find.Fuse(r.words, r.meaning) {
		if len(ids) < n {
			ids = append(ids, bm25.ID(x.ID))
		}
	}
	return ids
}

// candidates gives those of both rankings to pick an answer's passages from.
func (r *ranking) candidates(n int) (ids []bm25.ID) {
	for _, id := range find.First(find.Fuse(r.words, r.meaning), n, func(id find.ID) (of find.ID) {
		k, _ := placeOf(bm25.ID(id))
		copy(of[:], k[:])
		return of
	}) {
		ids = append(ids, bm25.ID(id))
	}
	return ids
}

// mark says of a passage what it was found by, and where.
func (r *ranking) mark(f *Found) {
	f.mark(r.query)
	id := find.ID(passageID(f.Document.ID, f.Passage))
	f.Words = slices.Contains(r.words, id)
	f.Cosine, f.Meaning = r.cosines[id]
}
