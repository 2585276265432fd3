package library

import (
	"context"
	"errors"
	"fmt"
	"sort"

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
}

// snippetWidth is in characters.
const snippetWidth = 240

// Search finds the n best passages of libraries, of all where none is named, best
// first. Any of the query's words may match; small words count only where
// nothing else was asked for. Where single records are damaged, the others come
// together with the error.
func (l *Libraries) Search(ctx context.Context, libraries []vault.ID, query string, n int) ([]Found, error) {
	s, err := l.reading()
	if err != nil {
		return nil, fmt.Errorf("searching: %w", err)
	}
	scope, err := l.scope(s, libraries)
	if err != nil {
		return nil, err
	}
	q := bm25.ParseQuery(query)
	var ids []bm25.ID
	for _, hit := range scope.Search(q, n) {
		ids = append(ids, hit.ID)
	}
	found, damage, err := l.passages(ctx, s, ids)
	if err != nil {
		return nil, fmt.Errorf("searching: %w", err)
	}
	for i := range found {
		found[i].mark(q)
	}
	return found, errors.Join(damage...)
}

// mark finds the query's words in the text, and the part of it to show.
func (f *Found) mark(q bm25.Query) {
	part := q.Snippet(f.Text, snippetWidth)
	f.Start, f.End = part.Start, part.End
	f.Matches = q.Snippet(f.Text, len(f.Text)).Matches
}

// scope is the indexes of libraries.
func (l *Libraries) scope(s *state, libraries []vault.ID) (scope bm25.Scope, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(libraries) == 0 {
		for _, x := range s.shelves {
			scope = append(scope, x.index)
		}
		return scope, nil
	}
	seen := make(map[vault.ID]bool)
	for _, id := range libraries {
		x := s.shelves[id]
		if x == nil {
			return nil, ErrNoLibrary
		}
		if !seen[id] {
			scope = append(scope, x.index)
		}
		seen[id] = true
	}
	return scope, nil
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
		at := sort.Search(len(list), func(i int) bool { return list[i].Order > uint64(n) }) - 1
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
