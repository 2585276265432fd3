package library

import (
	"context"
	"fmt"

	"abaton.local/library/bm25"
	"abaton.local/vault"
)

// Remove destroys documents, and those that lie in them: their records, their
// keys, and every segment of the index that held a word of them, all in one
// piece. What is left of those segments is written anew under other keys. It
// says how many went.
func (l *Libraries) Remove(ctx context.Context, ids ...vault.ID) (int, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	s, err := l.changing(ctx)
	if err != nil {
		return 0, fmt.Errorf("removing documents: %w", err)
	}
	going := make(map[vault.ID]bool)
	for _, id := range ids {
		if s.documents[id] == nil {
			return 0, fmt.Errorf("removing documents: %w", ErrUnknown)
		}
		going[id] = true
	}
	gone := make(map[*shelf][]*Document)
	count := 0
	for _, d := range s.documents {
		if going[d.ID] || going[d.Within] {
			gone[s.shelves[d.Library]] = append(gone[s.shelves[d.Library]], d)
			count++
		}
	}
	if len(gone) == 0 {
		return 0, nil
	}
	var e vault.Edit
	// Of one that could not be read is not known which library has its words: they
	// are dead in their segment, so all segments with dead passages are made anew.
	lost := gone[nil]
	delete(gone, nil)
	for _, d := range lost {
		e.Drop = append(e.Drop, d.ID)
	}
	var all []rewriting
	for x, list := range gone {
		all = append(all, l.drop(&e, x, list))
	}
	for _, x := range s.shelves {
		if len(lost) > 0 && gone[x] == nil {
			all = append(all, l.forget(&e, x, nil))
		}
	}
	e.Drop = append(e.Drop, s.broken...)
	if err := l.write(ctx, e); err != nil {
		return 0, fmt.Errorf("removing documents: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range all {
		all[i].done()
	}
	s.broken = nil
	for _, d := range lost {
		s.abandon(d)
	}
	for _, list := range gone {
		for _, d := range list {
			s.abandon(d)
		}
	}
	return count, nil
}

// RemoveLibrary destroys a library, its documents and its index, all in one
// piece. It says how many documents went.
func (l *Libraries) RemoveLibrary(ctx context.Context, id vault.ID) (int, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	s, err := l.changing(ctx)
	if err != nil {
		return 0, fmt.Errorf("removing a library: %w", err)
	}
	x := s.shelves[id]
	if x == nil {
		return 0, fmt.Errorf("removing a library: %w", ErrNoLibrary)
	}
	var e vault.Edit
	if len(l.vault.List(0, id)) > 0 { // a damaged one may be gone
		e.Drop = append(e.Drop, id)
	}
	var gone []*Document
	for _, d := range s.documents {
		if d.Library == id {
			gone = append(gone, d)
			e.Drop = append(e.Drop, d.ID)
		}
	}
	for _, segment := range x.kept {
		e.Drop = append(e.Drop, segment)
	}
	for _, m := range x.meanings {
		for _, segment := range m.kept {
			e.Drop = append(e.Drop, segment)
		}
	}
	e.Drop = append(e.Drop, s.broken...) // they may be of this one
	if err := l.write(ctx, e); err != nil {
		return 0, fmt.Errorf("removing a library: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range gone {
		s.abandon(d)
	}
	s.broken = nil
	delete(s.shelves, id)
	x.index, x.meanings = bm25.NewIndex(), nil // whoever still searches it finds nothing
	return len(gone), nil
}
