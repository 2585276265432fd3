package library

import (
	"context"
	"errors"
	"fmt"

	"abaton.local/vault"
)

// ErrTaken says that a library of that name is there already.
var ErrTaken = errors.New("there is a library of that name already: choose another name")

// Make makes a library with nothing in it.
func (l *Libraries) Make(ctx context.Context, name string) (Library, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	s, name, err := l.naming(ctx, vault.ID{}, name)
	if err != nil {
		return Library{}, fmt.Errorf("making a library: %w", err)
	}
	if len(s.shelves) >= maxLibraries {
		return Library{}, ErrFull
	}
	x := newShelf(Library{ID: vault.NewID(), Name: name, Created: moment(l.config.Now().UnixMilli())}, l.config.SealEvery)
	if err := l.write(ctx, vault.Edit{Put: []vault.Put{{ID: x.ID, Container: x.ID, Kind: vault.KindLibrary, Payload: x.payload()}}}); err != nil {
		return Library{}, fmt.Errorf("making a library: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.shelves[x.ID] = x
	return x.Library, nil
}

// Rename gives a library another name. Its documents stay as they are.
func (l *Libraries) Rename(ctx context.Context, id vault.ID, name string) (Library, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	s, name, err := l.naming(ctx, id, name)
	if err != nil {
		return Library{}, fmt.Errorf("renaming a library: %w", err)
	}
	x := s.shelves[id]
	if x == nil || x.Damaged {
		return Library{}, fmt.Errorf("renaming a library: %w", ErrNoLibrary)
	}
	to := x.Library
	to.Name = name
	if err := l.write(ctx, vault.Edit{Put: []vault.Put{{ID: id, Container: id, Kind: vault.KindLibrary, Payload: to.payload()}}}); err != nil {
		return Library{}, fmt.Errorf("renaming a library: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	x.Name = name
	return x.Library, nil
}

// naming sees that a name is one, and no other library's. The caller holds
// writing.
func (l *Libraries) naming(ctx context.Context, id vault.ID, name string) (*state, string, error) {
	s, err := l.changing(ctx)
	if err != nil {
		return nil, "", err
	}
	name, err = libraryName(name)
	if err != nil {
		return nil, "", err
	}
	if x := s.named(name); x != nil && x.ID != id {
		return nil, "", ErrTaken
	}
	return s, name, nil
}
