package main

import (
	"context"
	"errors"

	"abaton.local/library"
	"abaton.local/vault"
	"abaton.local/web"
)

// pageDocuments are people's documents as the page asks for them: by the calls
// that desks make.
type pageDocuments struct{ home *home }

// Of gives those of a session's person.
func (d pageDocuments) Of(ctx context.Context, s vault.Session) (*library.Libraries, error) {
	return d.home.libraries(ctx, s)
}

// Add takes a file or a piece of one.
func (d pageDocuments) Add(ctx context.Context, s vault.Session, x web.Piece) (*library.Outcome, error) {
	got, err := d.home.addDocument(ctx, s, addIn(x))
	if errors.Is(err, errBusy) || errors.Is(err, errRoom) {
		err = web.Busy{Err: err}
	}
	return got, err
}

// Added counts what was added.
func (d pageDocuments) Added(s vault.Session) error {
	k, err := d.home.shelf(s)
	if err != nil {
		return err
	}
	return d.home.counted(k, s.Person)
}

// Remove destroys documents.
func (d pageDocuments) Remove(ctx context.Context, s vault.Session, ids ...vault.ID) (int, error) {
	return removeDocuments().do(ctx, d.home, s, removeIn{IDs: ids})
}

// RemoveLibrary destroys a library and its documents. It has no name to be called
// by where that cannot be read.
func (d pageDocuments) RemoveLibrary(ctx context.Context, s vault.Session, id vault.ID) (int, error) {
	return d.home.removeLibrary(ctx, s, id)
}
