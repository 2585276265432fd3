package library

import (
	"fmt"
	"slices"
	"testing"

	"abaton.local/internal/vaulttest"
	"abaton.local/library/vector"
	"abaton.local/vault"

	"pgregory.net/rapid"
)

// TestKilledAtEveryCall lets the store die at its n-th call, for every n that a
// small life needs, with the deed done or not. After that the vault is opened
// again from what is in the store: every document whose adding was acknowledged
// is there, whole, and is found, and of one that was not, all or nothing.
func TestKilledAtEveryCall(t *testing.T) {
	for _, way := range []struct{ done, embeds bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		done := way.done
		for at := 1; ; at++ {
			o := newHome(t)
			if way.embeds {
				o.embedding(t, newConcepts(1))
			}
			o.add(t, "house", "/begin.txt", "word begin")
			there := map[string]string{"/begin.txt": "begin"} // what must be found from where
			gone := map[string]bool{}
			maybe := map[string]bool{}
			o.st.Fail(vaulttest.Failure{At: at, Forever: true, Done: done})
			ended := o.life(t, there, gone, maybe)
			o.reopen(t, false)
			if err := o.l.Damage(); err != nil {
				t.Fatalf("call %d: %v", at, err)
			}
			for from, word := range there {
				if got := o.finds(t, word); !slices.Contains(got, from) && !maybe[from] {
					t.Fatalf("call %d (%v): %s was kept and is lost", at, done, from)
				}
			}
			for word := range gone {
				if got := o.finds(t, word); len(got) > 0 {
					t.Fatalf("call %d (%v): %s is back", at, done, word)
				}
			}
			o.sound(t)
			if way.embeds {
				o.soundVectors(t)
				o.embedAll(t)
				o.soundVectors(t)
				for from := range there {
					if got := o.meansOf(t, "vehicle"); !slices.Contains(got, from) && !maybe[from] {
						t.Fatalf("call %d (%v): %s is not found by its meaning, only %v", at, done, from, got)
					}
				}
			}
			if ended {
				if at < 10 {
					t.Fatalf("the whole life needed %d calls only: the test sees nothing", at)
				}
				break
			}
		}
	}
}

// life adds, changes and removes until something fails; it says whether nothing
// did.
func (o *home) life(t *testing.T, there map[string]string, gone, maybe map[string]bool) bool {
	embed := func() bool {
		if o.config.Embed == nil {
			return true
		}
		_, err := o.l.Embed(t.Context())
		return err == nil
	}
	add := func(library, from, word string) bool {
		_, err := o.l.Add(t.Context(), File{Library: library, Path: from, Name: from[1:], Data: []byte("automobile word " + word)})
		if err == nil {
			there[from] = word
		}
		return err == nil && embed()
	}
	for i := range 9 {
		if !add([]string{"house", "work"}[i%2], fmt.Sprintf("/%d.txt", i), fmt.Sprint("own", i)) {
			return false
		}
	}
	maybe["/4.txt"] = true
	if !add("house", "/4.txt", "changed4") {
		return false
	}
	maybe["/4.txt"], gone["own4"] = false, true
	if !embed() {
		return false
	}
	list, err := o.l.Documents(o.library(t, "house"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if d.Path == "/2.txt" {
			maybe[d.Path] = true
			if _, err := o.l.Remove(t.Context(), d.ID); err != nil {
				return false
			}
			gone["own2"] = true
		}
	}
	if c, ok := o.config.Embed.(*concepts); ok {
		c.model.Digest = [32]byte{2} // another model, through all that follows
	}
	for range 2 {
		if !embed() {
			return false
		}
	}
	for _, from := range []string{"/1.txt", "/3.txt", "/5.txt", "/7.txt"} {
		maybe[from] = true
	}
	if _, err := o.l.RemoveLibrary(t.Context(), o.library(t, "work")); err != nil {
		return false
	}
	for i := 1; i < 9; i += 2 {
		gone[fmt.Sprint("own", i)] = true
	}
	for range 4 {
		if !embed() {
			return false
		}
	}
	return o.l.Close(t.Context()) == nil
}

// sound holds what is in the vault against itself: every document has its
// passages, and nothing lies there that belongs to none.
func (o *home) sound(t *testing.T) {
	t.Helper()
	list, err := o.l.Documents(vault.ID{})
	if err != nil {
		t.Fatal(err)
	}
	known := map[vault.ID]bool{}
	for _, d := range list {
		known[d.ID] = true
		if _, text, err := o.l.Text(t.Context(), d.ID); err != nil || text == "" {
			t.Errorf("document %v: %q, %v", d.ID, text, err)
		}
	}
	for _, r := range o.v.List(vault.KindPassages, vault.ID{}) {
		if !known[r.Container] {
			t.Error("passages of no document")
		}
	}
}

// soundVectors holds the vectors in the vault against the documents: nothing has
// one that is not there, nothing has two of one model, and every model is named.
func (o *home) soundVectors(t rapid.TB) {
	t.Helper()
	list, err := o.l.Documents(vault.ID{})
	if err != nil {
		t.Fatal(err)
	}
	there := map[vector.ID]bool{}
	for _, d := range list {
		for n := range d.Passages {
			there[vector.ID(passageID(d.ID, n))] = true
		}
	}
	seen := map[vector.Space]map[vector.ID]bool{}
	for _, s := range o.vectors(t) {
		if _, ok := o.l.state.makers[s.Space()]; !ok {
			t.Fatal("vectors are kept of a model that nobody knows")
		}
		if seen[s.Space()] == nil {
			seen[s.Space()] = map[vector.ID]bool{}
		}
		for id := range s.IDs {
			if !there[id] || seen[s.Space()][id] {
				t.Fatal("a vector is kept of what is not there, or twice")
			}
			seen[s.Space()][id] = true
		}
	}
}
