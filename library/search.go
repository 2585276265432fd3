package library

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"abaton.local/library/bm25"
	"abaton.local/vault"
)

// Found is a passage that was found.
type Found struct {
	Document Document
	Library  string // its name
	Passage  int    // its number in the document
	Heading  string // the titles above it
	Page     int    // 0 where the format has none
	LastPage int
	Text     string // word for word as it stands in the document
	// What of the text to show on few lines, and the query's words in the text.
	Start, End int
	Matches    [][2]int // bytes of Text
	// What it was found by, either or both, and how near it is in meaning where that
	// is known. Cosines of two models have nothing in common.
	Words, Meaning bool
	Cosine         float64
}

// snippetWidth is in characters.
const snippetWidth = 240

// Finds is what a search gives.
type Finds struct {
	Passages  []Found
	WordsOnly error // why nothing was looked for by meaning; nil where it was
}

// Search is [Libraries.Look] for who wants the passages alone.
func (l *Libraries) Search(ctx context.Context, libraries []vault.ID, query string, n int) ([]Found, error) {
	f, err := l.Look(ctx, libraries, query, n)
	return f.Passages, err
}

// Look finds the n best passages of libraries, of all where none is named, best
// first: those that have the query's words, any of them, and those that are near
// to it in meaning, as far as passages are embedded. Small words count only where
// nothing else was asked for. Where single records are damaged, the others come
// together with the error.
func (l *Libraries) Look(ctx context.Context, libraries []vault.ID, query string, n int) (Finds, error) {
	s, err := l.reading()
	if err != nil {
		return Finds{}, fmt.Errorf("searching: %w", err)
	}
	r, err := l.rank(ctx, s, libraries, query, n)
	if err != nil {
		return Finds{}, err
	}
	r.dropFar() // something is nearest to anything
	found, damage, err := l.passages(ctx, s, r.first(n))
	if err != nil {
		return Finds{}, fmt.Errorf("searching: %w", err)
	}
	for i := range found {
		r.mark(&found[i])
	}
	return Finds{found, r.wordsOnly}, errors.Join(damage...)
}

// mark finds the query's words in the text, and the part of it to show.
func (f *Found) mark(q bm25.Query) {
	part := q.Snippet(f.Text, snippetWidth)
	f.Start, f.End = part.Start, part.End
	f.Matches = q.Snippet(f.Text, len(f.Text)).Matches
}

// chosen is the shelves of libraries, of all where none is named.
func (l *Libraries) chosen(s *state, libraries []vault.ID) (shelves []*shelf, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(libraries) == 0 {
		return slices.Collect(maps.Values(s.shelves)), nil
	}
	for _, id := range libraries {
		x := s.shelves[id]
		if x == nil {
			return nil, ErrNoLibrary
		}
		if !slices.Contains(shelves, x) {
			shelves = append(shelves, x)
		}
	}
	return shelves, nil
}

// passages reads passages, in the order given. Those that are gone meanwhile are
// left out, and so are those that cannot be read, which are said beside.
func (l *Libraries) passages(ctx context.Context, s *state, ids []bm25.ID) (found []Found, damage []error, err error) {
	type place struct {
		document *Document
		library  string
		n        int
		leaf     vault.ID
	}
	var places []place
	var wanted []vault.ID
	asked := make(map[vault.ID]bool)
	l.mu.RLock()
	for _, id := range ids {
		k, n := placeOf(id)
		d := s.documents[s.keys[k]]
		if d == nil {
			continue
		}
		list := l.vault.List(vault.KindPassages, d.ID)
		at := leafOf(list, n)
		if at < 0 {
			continue
		}
		p := place{document: d, n: n, leaf: list[at].ID}
		if x := s.shelves[d.Library]; x != nil {
			p.library = x.Name
		}
		places = append(places, p)
		if !asked[p.leaf] {
			asked[p.leaf] = true
			wanted = append(wanted, p.leaf)
		}
	}
	l.mu.RUnlock()
	leaves, damage, err := l.leaves(ctx, wanted)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range places {
		f, ok := leaves[p.leaf]
		if !ok || p.n < f.First || p.n-f.First >= len(f.Passages) {
			continue
		}
		x := f.Passages[p.n-f.First]
		found = append(found, Found{Document: *p.document, Library: p.library, Passage: p.n, Heading: x.Heading, Page: x.Page, LastPage: x.LastPage, Text: f.Text[x.Start:x.End]})
	}
	return found, damage, nil
}
