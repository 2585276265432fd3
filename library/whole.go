package library

import (
	"context"
	"fmt"
	"slices"

	"abaton.local/library/vector"
	"abaton.local/vault"
)

// whole is called where m has vectors of all passages: they are sealed, and those
// of other models go.
func (l *Libraries) whole(ctx context.Context, m Model) error {
	if err := l.settle(ctx, m); err != nil {
		return err
	}
	s, err := l.reading()
	if err != nil {
		return err
	}
	var grown []*vector.Index
	l.mu.Lock()
	for _, x := range s.shelves {
		if of := x.meanings[m.space()]; of != nil && (of.tried == 0 || of.index.Len() > of.tried*3/2) {
			of.tried = of.index.Len()
			grown = append(grown, of.index)
		}
	}
	l.mu.Unlock()
	for _, index := range grown {
		index.Calibrate() // takes its time where there are many
	}
	return nil
}

func (l *Libraries) settle(ctx context.Context, m Model) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	s, err := l.changing(ctx)
	if err != nil {
		return err
	}
	space := m.space()
	for _, x := range s.shelves {
		if err := l.sealMeanings(ctx, x, space); err != nil {
			return err
		}
	}
	for other := range s.makers {
		if other == space || s.count(other) > s.count(space) { // a model that can make nothing of most of it takes no place
			continue
		}
		if err := l.dropMeanings(ctx, other); err != nil {
			return err
		}
	}
	return nil
}

// count is how many passages of all libraries a model made vectors of.
func (s *state) count(space vector.Space) (n int) {
	for _, x := range s.shelves {
		n += x.count(space)
	}
	return n
}

// dropMeanings destroys all vectors of a model. The caller holds writing.
func (l *Libraries) dropMeanings(ctx context.Context, space vector.Space) error {
	s := l.state
	e := vault.Edit{Drop: slices.Clone(s.broken)}
	if at := s.makers[space].record; at != (vault.ID{}) {
		e.Drop = append(e.Drop, at)
	}
	for _, x := range s.shelves {
		if of := x.meanings[space]; of != nil {
			for _, at := range of.kept {
				e.Drop = append(e.Drop, at)
			}
		}
	}
	if len(e.Drop) > 0 {
		if err := l.write(ctx, e); err != nil {
			return fmt.Errorf("dropping the vectors of another model: %w", err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.broken = nil
	delete(s.makers, space)
	for _, x := range s.shelves {
		delete(x.meanings, space)
	}
	return nil
}
