package library

import (
	"errors"
	"slices"
	"testing"

	"abaton.local/vault"
)

// TestOneDocumentIsLookedUp: a question to many documents does not list them all.
func TestOneDocumentIsLookedUp(t *testing.T) {
	o := newHome(t)
	lease := o.add(t, "house", "/lease.txt", "The rent is 800 euros.").Document
	o.add(t, "work", "/notes.txt", "The meeting is on Tuesday.")
	o.add(t, "house", "/annex.txt", "Rooms are painted white.")
	if d, err := o.l.Document(lease.ID); err != nil || d.ID != lease.ID || d.Name != "lease.txt" {
		t.Errorf("%+v, %v", d, err)
	}
	for _, id := range []vault.ID{{}, vault.NewID()} {
		if _, err := o.l.Document(id); !errors.Is(err, ErrUnknown) {
			t.Errorf("one that is not there: %v", err)
		}
	}
	list, err := o.l.Named(func(name string) bool { return name != "notes.txt" })
	var names []string
	for _, d := range list {
		names = append(names, d.Name)
	}
	if err != nil || !slices.Equal(names, []string{"annex.txt", "lease.txt"}) {
		t.Errorf("%q, %v", names, err)
	}
	if err := o.l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := o.l.Document(lease.ID); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
	if _, err := o.l.Named(func(string) bool { return true }); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
}
