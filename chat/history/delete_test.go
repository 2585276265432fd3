package history

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"abaton.local/library/bm25"
	"abaton.local/vault"
)

func TestReplace(t *testing.T) {
	o := newHome(t)
	c := o.begin(t, "first question", "first answer", "second question", "second answer")
	_, turns, err := o.h.Show(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.h.Replace(t.Context(), c.ID, turns[3].ID, Turn{Role: Assistant, Text: "better answer"}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.h.Replace(t.Context(), c.ID, turns[3].ID); !errors.Is(err, vault.ErrNoRecord) {
		t.Errorf("what is gone was replaced again: %v", err)
	}
	if got := o.texts(t, c.ID); !slices.Equal(got, []string{"first question", "first answer", "second question", "better answer"}) {
		t.Errorf("%q", got)
	}
	if _, err := o.h.Replace(t.Context(), c.ID, turns[0].ID, Turn{Role: User, Text: "another beginning"}); err != nil {
		t.Fatal(err)
	}
	o.reopen(t, false)
	list, err := o.h.List()
	if err != nil || list[0].Title != "another beginning" || list[0].Turns != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if got := o.finds(t, "first second answer"); len(got) != 0 {
		t.Errorf("found %q", got)
	}
}

// TestDeletedWordsAreGone is the promise that deleting makes: once Delete has
// returned, no word of the conversation lies in the vault's index, and the keys
// of the segments that held one are destroyed.
func TestDeletedWordsAreGone(t *testing.T) {
	const canary = "zanzibar"
	holds := func(o *home) bool {
		return slices.ContainsFunc(o.segments(t), func(s *bm25.Segment) bool { return strings.Contains(string(s.Encoded()), canary) })
	}
	for name, how := range map[string]func(*home, Conversation) error{
		"delete": func(o *home, c Conversation) error { return o.h.Delete(t.Context(), c.ID) },
		"rename": func(o *home, c Conversation) error {
			_, err := o.h.Rename(t.Context(), c.ID, "other")
			return err
		},
		"replace": func(o *home, c Conversation) error {
			_, turns, err := o.h.Show(t.Context(), c.ID)
			if err == nil {
				_, err = o.h.Replace(t.Context(), c.ID, turns[1].ID)
			}
			return err
		},
	} {
		for _, reopened := range []bool{false, true} {
			o := newHome(t)
			for i := range 10 {
				o.begin(t, fmt.Sprint("neighbour ", i))
			}
			c := o.begin(t, "question", "an answer")
			if name == "rename" {
				if _, err := o.h.Rename(t.Context(), c.ID, "about "+canary); err != nil {
					t.Fatal(err)
				}
			} else if _, err := o.h.Append(t.Context(), c.ID, Turn{Role: User, Text: "to " + canary + " with it"}); err != nil {
				t.Fatal(err)
			}
			for i := range 10 {
				o.begin(t, fmt.Sprint("neighbour ", 10+i))
			}
			if reopened {
				o.reopen(t, true)
			}
			if !holds(o) {
				t.Fatal("the canary was in no segment before: the test would see nothing")
			}
			before := idsOf(o.v.List(vault.KindSegment, vault.ID{}))
			if err := how(o, c); err != nil {
				t.Fatal(err)
			}
			if holds(o) {
				t.Errorf("%s: a segment still has the word", name)
			}
			gone := 0
			for _, id := range before {
				if _, err := o.v.Read(t.Context(), id); errors.Is(err, vault.ErrNoRecord) {
					gone++
				}
			}
			if gone == 0 {
				t.Errorf("%s: no segment was dropped", name)
			}
			if got := o.finds(t, canary); len(got) != 0 {
				t.Errorf("%s: found %q", name, got)
			}
			if got := o.finds(t, "neighbour"); len(got) != 20 {
				t.Errorf("%s: %d neighbours are left", name, len(got))
			}
			if err := o.v.Verify(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
}
