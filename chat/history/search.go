package history

import (
	"context"
	"errors"
	"fmt"

	"abaton.local/library/bm25"
	"abaton.local/vault"
)

// Found is a place where words of a query stand.
type Found struct {
	Conversation Conversation
	Turn         Turn // zero where the words are in the title
	// Snippet is the part of the turn's text, or of the title, to show. It may
	// hold line ends and whatever else was said: it is the caller's to show it
	// safely.
	Snippet string
	Matches [][2]int // bytes of Snippet, from and to
	Before  bool     // the text has more before Snippet
	After   bool     // and after it
}

// snippetWidth is in characters.
const snippetWidth = 200

// Search finds the n best places, best first. Any of the query's words may
// match; small words count only where nothing else was asked for. Where single
// turns are damaged, the others come together with the error.
func (h *History) Search(ctx context.Context, query string, n int) ([]Found, error) {
	s, err := h.reading()
	if err != nil {
		return nil, fmt.Errorf("searching: %w", err)
	}
	q := bm25.ParseQuery(query)
	hits := s.index.Search(q, n)
	var ids []vault.ID
	h.mu.RLock()
	for _, hit := range hits {
		if _, title := s.titles[hit.ID]; !title {
			ids = append(ids, vault.ID(hit.ID))
		}
	}
	h.mu.RUnlock()
	turns, damage, err := h.turns(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("searching: %w", err)
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	found := make([]Found, 0, len(hits))
	for _, hit := range hits {
		var f Found
		text, in := "", s.titles[hit.ID]
		if in == (vault.ID{}) {
			t := turns[vault.ID(hit.ID)]
			f.Turn, text, in = t.Turn, t.Text, t.conversation
		}
		c := s.conversations[in]
		if c == nil {
			continue // deleted meanwhile, or damaged
		}
		f.Conversation = *c
		if f.Turn.ID == (vault.ID{}) {
			text = c.Title
		}
		part := q.Snippet(text, snippetWidth)
		f.Snippet, f.Before, f.After = text[part.Start:part.End], part.Start > 0, part.End < len(text)
		for _, m := range part.Matches {
			f.Matches = append(f.Matches, [2]int{m[0] - part.Start, m[1] - part.Start})
		}
		found = append(found, f)
	}
	return found, errors.Join(damage...)
}
