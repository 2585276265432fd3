package library

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"abaton.local/vault"
)

// Stretches in parts of any size are the document's text, each word once.
func TestADocumentIsSeenInParts(t *testing.T) {
	o := newHome(t)
	var b strings.Builder
	for i := range 120 {
		fmt.Fprintf(&b, "# Part %d\n\nOf matter %d this is said: %s.\n\n", i, i, strings.Repeat("and so on ", i*7))
	}
	out := o.add(t, "house", "/long.md", b.String())
	_, whole, err := o.l.Text(t.Context(), out.Document.ID)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Join(strings.Fields(whole), " ")
	for _, size := range []int{1, 7, leafPassages, 96, 100_000} {
		var parts []string
		next := 0
		for from := 0; from < out.Document.Passages; from += size {
			d, list, err := o.l.View(t.Context(), out.Document.ID, from, size)
			if err != nil || d.ID != out.Document.ID || len(list) == 0 || len(list) > size {
				t.Fatalf("from %d: %d stretches, %v", from, len(list), err)
			}
			for _, x := range list {
				if x.Passage != next {
					t.Fatalf("parts of %d: passage %d, not %d", size, x.Passage, next)
				}
				next++
				parts = append(parts, x.Before, x.Text)
			}
		}
		if got := strings.Join(strings.Fields(strings.Join(parts, " ")), " "); got != words {
			t.Errorf("parts of %d are not the text", size)
		}
	}
	if _, list, err := o.l.View(t.Context(), out.Document.ID, 1_000_000, 10); err != nil || len(list) > 0 {
		t.Errorf("behind the end: %v, %v", list, err)
	}
	if _, _, err := o.l.View(t.Context(), vault.NewID(), 0, 10); !errors.Is(err, ErrUnknown) {
		t.Errorf("a document that is not there: %v", err)
	}
}

func TestLibrariesAreMadeAndRenamed(t *testing.T) {
	o := newHome(t)
	house, err := o.l.Make(t.Context(), " house ")
	if err != nil || house.Name != "house" {
		t.Fatalf("%+v, %v", house, err)
	}
	for _, name := range []string{"house", "", strings.Repeat("x", 65), "a\u202eb"} {
		if _, err := o.l.Make(t.Context(), name); err == nil {
			t.Errorf("%q was made", name)
		}
	}
	o.add(t, "house", "/a.txt", "violet elephants")
	work, err := o.l.Make(t.Context(), "work")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.l.Rename(t.Context(), work.ID, "house"); !errors.Is(err, ErrTaken) {
		t.Errorf("two of one name: %v", err)
	}
	if _, err := o.l.Rename(t.Context(), vault.NewID(), "nobody's"); !errors.Is(err, ErrNoLibrary) {
		t.Errorf("one that is not there: %v", err)
	}
	if x, err := o.l.Rename(t.Context(), house.ID, "home"); err != nil || x.Name != "home" || x.Documents != 1 {
		t.Errorf("%+v, %v", x, err)
	}
	o.reopen(t, false)
	list, err := o.l.List()
	if err != nil || len(list) != 2 || list[0].ID != house.ID || list[0].Name != "home" || list[0].Documents != 1 || list[1].Name != "work" {
		t.Errorf("%+v, %v", list, err)
	}
	if got := o.finds(t, "elephants", o.library(t, "home")); len(got) != 1 {
		t.Errorf("found in %v", got)
	}
}
