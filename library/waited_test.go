package library

import (
	"errors"
	"strings"
	"testing"

	"abaton.local/vault"
)

// TestFilesThatWaited: a file that waited takes the place of nothing newer.
func TestFilesThatWaited(t *testing.T) {
	o := newHome(t)
	add := func(path, text string, over *vault.ID) Outcome {
		t.Helper()
		f := File{Library: "house", Path: path, Name: path[1:], Data: []byte(text)}
		if over != nil {
			f.Waited, f.Over = true, *over
		}
		out, err := o.l.Add(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	nothing, err := o.l.From("house", "/a.txt")
	if err != nil || nothing != (vault.ID{}) {
		t.Fatalf("%v, %v", nothing, err)
	}
	first := add("/a.txt", "one", nil).Document
	if out := add("/a.txt", "two", &nothing); out.Verdict != Refused || !strings.Contains(out.Why, "newer") {
		t.Errorf("it took the place of one that was added meanwhile: %+v", out)
	}
	if at, err := o.l.From("house", "/a.txt"); err != nil || at != first.ID {
		t.Errorf("%v, %v", at, err)
	}
	if out := add("/a.txt", "two", &first.ID); out.Verdict != Changed {
		t.Errorf("it did not take its place: %+v", out)
	}
	second := add("/b.txt", "three", nil).Document
	if d, err := o.l.Document(second.ID); err != nil || d.Name != "b.txt" {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := o.l.Document(first.ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("one that is gone: %v", err)
	}
	if err := o.l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := o.l.Document(second.ID); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
	if _, err := o.l.From("house", "/b.txt"); !errors.Is(err, vault.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
}
