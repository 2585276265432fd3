package library

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"abaton.local/vault"
)

// Stretch is the text of a document from where the passage before ended to where
// this one does: put together, stretches are the document's text, each word once.
type Stretch struct {
	Passage        int    // its number in the document
	Heading        string // the titles above it
	Page, LastPage int
	Before         string // what stands between the passage before and this one: headings
	Text           string
}

// View gives what of a document lies in up to n passages from one on, and the
// document. What cannot be read is left out, and comes as an error beside the
// rest.
func (l *Libraries) View(ctx context.Context, id vault.ID, from, n int) (Document, []Stretch, error) {
	s, err := l.reading()
	if err != nil {
		return Document{}, nil, fmt.Errorf("reading a document: %w", err)
	}
	l.mu.RLock()
	d := s.documents[id]
	l.mu.RUnlock()
	if d == nil {
		return Document{}, nil, ErrUnknown
	}
	var ids []vault.ID
	for _, r := range l.vault.List(vault.KindPassages, id) { // each has leafPassages, the last perhaps fewer
		if at := int(r.Order); at+leafPassages > from && at < from+n {
			ids = append(ids, r.ID)
		}
	}
	leaves, damage, err := l.leaves(ctx, ids)
	if err != nil {
		return Document{}, nil, fmt.Errorf("reading a document: %w", err)
	}
	var list []Stretch
	told := 0 // bytes of the document's text
	for _, id := range ids {
		f, ok := leaves[id]
		if !ok {
			continue
		}
		for i, p := range f.Passages {
			x := Stretch{Passage: f.First + i, Heading: p.Heading, Page: p.Page, LastPage: p.LastPage}
			from := min(max(told-f.Base, 0), len(f.Text))
			start, end := max(from, p.Start), max(from, p.End)
			if i == len(f.Passages)-1 {
				end = len(f.Text)
			}
			x.Before, x.Text = strings.TrimSpace(f.Text[from:start]), f.Text[start:end]
			told = f.Base + end
			list = append(list, x)
		}
	}
	kept := list[:0]
	for _, x := range list {
		if x.Passage >= from && x.Passage < from+n {
			kept = append(kept, x)
		}
	}
	return *d, kept, errors.Join(damage...)
}
