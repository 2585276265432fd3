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
	var e vault.Edit
	var all []rewriting
	for x, list := range gone {
		if x == nil { // it could not be read, so what it had in an index is not known, and was not attached
			for _, d := range list {
				e.Drop = append(e.Drop, d.ID)
			}
			continue
		}
		all = append(all, l.drop(&e, x, list))
	}
	if len(e.Drop) == 0 {
		return 0, nil
	}
	if err := l.write(ctx, e); err != nil {
		return 0, fmt.Errorf("removing documents: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range all {
		all[i].done()
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
	if err := l.write(ctx, e); err != nil {
		return 0, fmt.Errorf("removing a library: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range gone {
		s.abandon(d)
	}
	delete(s.shelves, id)
	x.index = bm25.NewIndex() // whoever still searches it finds nothing
	return len(gone), nil
}
