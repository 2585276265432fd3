package main

import (
	"context"
	"errors"
	"testing"

	"abaton.local/library"
	"abaton.local/library/parse"
	"abaton.local/vault"
)

// stuck is an embedder that is at work until it is called off.
type stuck struct {
	begun chan struct{}
	ended chan error
}

func (stuck) Model(context.Context) (library.Model, error) { return library.Model{Dims: 4}, nil }

func (s stuck) Embed(ctx context.Context, _ library.Model, _ []string, _ bool) ([][]float32, error) {
	s.begun <- struct{}{}
	<-ctx.Done()
	s.ended <- ctx.Err()
	return nil, ctx.Err()
}

// TestLockedNothingIsEmbedded: when a vault locks, what is being embedded is called
// off, nothing more is handed over, and nothing goes on.
func TestLockedNothingIsEmbedded(t *testing.T) {
	d := deskOfAda(t)
	h := d.home
	h.shelves = map[vault.PersonID]*shelved{}
	k, err := h.shelf(d.session)
	if err != nil {
		t.Fatal(err)
	}
	e := stuck{make(chan struct{}, 9), make(chan error, 9)}
	here := func(_ context.Context, src parse.Source) (d parse.Document, err error) {
		d.Result, err = parse.Parse(src, parse.Limits{}, d.Collect())
		return d, err
	}
	k.libraries, err = library.Open(t.Context(), k.vault, library.Config{Parse: here, Embed: e})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.libraries.Add(t.Context(), library.File{Library: "house", Path: "/a.txt", Name: "a.txt", Data: []byte("words of Ada's")}); err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	h.embedFrom(k)
	k.mu.Unlock()
	<-e.begun
	d.session.Lock()
	select {
	case <-k.embedded:
	default:
		t.Error("it goes on after the lock")
	}
	if err := <-e.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	h.background.Wait()
	if len(e.begun) > 0 {
		t.Error("more was handed over after the lock")
	}
	if _, err := k.libraries.Embed(t.Context()); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
	if len(e.begun) > 0 {
		t.Error("passages were handed over though the vault is locked")
	}
}
