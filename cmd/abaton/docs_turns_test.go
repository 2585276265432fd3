package main

import (
	"context"
	"errors"
	"testing"

	"abaton.local/library"
	"abaton.local/library/parse"
	"abaton.local/vault"
)

// TestLockedNothingIsRead: when a vault locks, a document that is being read is
// given up, and what has arrived of a file is dropped.
func TestLockedNothingIsRead(t *testing.T) {
	d := deskOfAda(t)
	h := d.home
	h.shelves = map[vault.PersonID]*shelved{}
	begun := make(chan struct{})
	h.parse = func(ctx context.Context, _ parse.Source) (parse.Document, error) {
		close(begun)
		<-ctx.Done()
		return parse.Document{}, ctx.Err()
	}
	add := func(in addIn) error {
		in.Library, in.Path, in.Name = "house", "/a.txt", "a.txt"
		_, err := addDocument().do(t.Context(), h, d.session, in, nil)
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- add(addIn{Size: 3, Data: []byte("abc")}) }()
	<-begun
	if err := add(addIn{Upload: "u", Size: 6, Data: []byte("abc")}); err != nil {
		t.Fatal(err)
	}
	k := h.shelves[d.session.Person]
	h.forget(d.session.Person)
	if err := <-ended; !errors.Is(err, vault.ErrLocked) {
		t.Errorf("while it is read: %v", err)
	}
	if len(k.uploads) > 0 {
		t.Error("what has arrived is kept")
	}
	if _, err := h.arrive(k, addIn{Upload: "v", Size: 6, Data: []byte("abc")}); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("after it locked: %v", err)
	}
}

// TestOneTextAtATime: a second one waits.
func TestOneTextAtATime(t *testing.T) {
	d := deskOfAda(t)
	d.home.shelves = map[vault.PersonID]*shelved{}
	show := func(ctx context.Context) error {
		_, err := showDocument().do(ctx, d.home, d.session, vault.NewID(), nil)
		return err
	}
	if err := show(t.Context()); !errors.Is(err, library.ErrUnknown) {
		t.Fatal(err)
	}
	over, err := take(t.Context(), d.home.shelves[d.session.Person].showing)
	if err != nil {
		t.Fatal(err)
	}
	given, giveUp := context.WithCancel(t.Context())
	giveUp()
	if err := show(given); !errors.Is(err, context.Canceled) {
		t.Errorf("beside another: %v", err)
	}
	over()
	if err := show(t.Context()); !errors.Is(err, library.ErrUnknown) {
		t.Errorf("after it: %v", err)
	}
}

// TestNothingArrivesBehindALock: who asked for a vault just before it locked gets
// nothing kept, and takes nothing from the next opening.
func TestNothingArrivesBehindALock(t *testing.T) {
	d := deskOfAda(t)
	h := d.home
	h.shelves = map[vault.PersonID]*shelved{}
	v, err := d.session.Vault()
	if err != nil {
		t.Fatal(err)
	}
	d.session.Lock()
	next, err := h.people.Unlock(t.Context(), vault.Attempt{Name: "ada", Way: vault.SlotPassphrase, Secret: []byte(testPassphrase)})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := h.shelf(next)
	if err != nil {
		t.Fatal(err)
	}
	k := h.shelfOf(d.session.Person, v)
	if _, err := h.arrive(k, addIn{Upload: "u", Size: 6, Data: []byte("abc")}); !errors.Is(err, vault.ErrLocked) || len(k.uploads) > 0 {
		t.Errorf("%v", err)
	}
	if opened.locked.Err() != nil || h.shelves[d.session.Person] != opened {
		t.Error("the next opening was given up for it")
	}
}
