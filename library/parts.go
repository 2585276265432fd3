package library

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"abaton.local/vault"
)

// Part is a passage by where it lies in its document's text.
type Part struct {
	Passage    int // its number in the document
	Start, End int // bytes of the document's text
	Heading    string
	Page       int
	LastPage   int
	Text       string
}

// Parts gives passages of a document in their order, from first up to, but not
// with, past. What cannot be read is left out, and comes as an error beside the
// rest.
func (l *Libraries) Parts(ctx context.Context, document vault.ID, first, past int) (Document, []Part, error) {
	s, err := l.reading()
	if err != nil {
		return Document{}, nil, fmt.Errorf("reading passages: %w", err)
	}
	l.mu.RLock()
	d := s.documents[document]
	l.mu.RUnlock()
	if d == nil {
		return Document{}, nil, ErrUnknown
	}
	var wanted []vault.ID
	list := l.vault.List(vault.KindPassages, document)
	for i, r := range list { // each holds the passages from its order on
		if int(r.Order) < past && (i+1 == len(list) || int(list[i+1].Order) > first) {
			wanted = append(wanted, r.ID)
		}
	}
	leaves, damage, err := l.leaves(ctx, wanted)
	if err != nil {
		return Document{}, nil, fmt.Errorf("reading passages: %w", err)
	}
	var parts []Part
	for _, f := range leaves {
		for i, p := range f.Passages {
			if n := f.First + i; n >= first && n < past {
				parts = append(parts, Part{n, f.Base + p.Start, f.Base + p.End, p.Heading, p.Page, p.LastPage, f.Text[p.Start:p.End]})
			}
		}
	}
	slices.SortFunc(parts, func(a, b Part) int { return a.Passage - b.Passage })
	return *d, parts, errors.Join(damage...)
}
