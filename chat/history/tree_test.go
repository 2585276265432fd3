package history

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"abaton.local/vault"
)

func (o *home) tree(t testing.TB, id vault.ID) Tree {
	t.Helper()
	_, tree, err := o.h.Tree(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func words(turns []Turn) string {
	var said []string
	for _, x := range turns {
		said = append(said, x.Text)
	}
	return strings.Join(said, "|")
}

// What is asked differently or answered again stands beside what was said there
// first: both are kept, found, and gone on with; a conversation shows the newest.
func TestVersions(t *testing.T) {
	o := newHome(t)
	c := o.begin(t, "what is rain", "water", "and snow", "ice")
	first, err := func() ([]Turn, error) { _, turns, err := o.h.Show(t.Context(), c.ID); return turns, err }()
	if err != nil {
		t.Fatal(err)
	}
	add := func(after vault.ID, turns ...Turn) []Turn {
		t.Helper()
		kept, err := o.h.Add(t.Context(), c.ID, after, turns...)
		if err != nil {
			t.Fatal(err)
		}
		return kept
	}
	hail := add(first[1].ID, Turn{Role: User, Text: "and hail"}, Turn{Role: Assistant, Text: "lumps"})
	again := add(hail[0].ID, Turn{Role: Assistant, Text: "balls"})
	other := add(c.ID, Turn{Role: User, Text: "what is fog"})
	add(other[0].ID, Turn{Role: Assistant, Text: "clouds"})
	for _, clean := range []bool{true, false} {
		tree := o.tree(t, c.ID)
		for through, want := range map[vault.ID]string{
			{}:          "what is fog|clouds",
			first[0].ID: "what is rain|water|and hail|balls",
			first[2].ID: "what is rain|water|and snow|ice",
			hail[1].ID:  "what is rain|water|and hail|lumps",
			again[0].ID: "what is rain|water|and hail|balls",
			{7}:         "",
		} {
			if got := words(tree.Branch(through)); got != want {
				t.Errorf("through %v: %q, not %q", through, got, want)
			}
		}
		if got := tree.Versions(hail[0].ID); !slices.Equal(got, []vault.ID{first[2].ID, hail[0].ID}) {
			t.Errorf("versions: %v", got)
		}
		if got := tree.Versions(first[0].ID); !slices.Equal(got, []vault.ID{first[0].ID, other[0].ID}) {
			t.Errorf("beginnings: %v", got)
		}
		if got := tree.Following(hail[0].ID); !slices.Equal(got, []vault.ID{hail[1].ID, again[0].ID}) || tree.Following(again[0].ID) != nil {
			t.Errorf("answers: %v", got)
		}
		if got := o.finds(t, "snow hail fog"); len(got) != 3 {
			t.Errorf("found %q", got)
		}
		o.reopen(t, clean)
	}
	add(first[3].ID, Turn{Role: User, Text: "and sleet"})
	if _, turns, _ := o.h.Show(t.Context(), c.ID); words(turns) != "what is rain|water|and snow|ice|and sleet" {
		t.Errorf("gone on with an older one: %s", words(turns))
	}
	if _, err := o.h.Add(t.Context(), c.ID, vault.NewID(), Turn{Role: User, Text: "x"}); !errors.Is(err, vault.ErrNoRecord) {
		t.Errorf("behind nothing: %v", err)
	}
	var md, js strings.Builder
	if err := errors.Join(o.h.ExportMarkdown(t.Context(), &md, c.ID), o.h.ExportJSON(t.Context(), &js, c.ID)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(md.String(), "hail") || !strings.Contains(md.String(), "sleet") || !strings.Contains(js.String(), "hail") {
		t.Error("Markdown has what is shown, JSON has all")
	}
}

// A version that is removed goes with all that followed it, for good; the others
// stay, and so does what follows them.
func TestAVersionIsRemoved(t *testing.T) {
	o := newHome(t)
	c := o.begin(t, "what is rain", "water")
	_, turns, _ := o.h.Show(t.Context(), c.ID)
	other, err := o.h.Add(t.Context(), c.ID, c.ID, Turn{Role: User, Text: "zanzibar"}, Turn{Role: Assistant, Text: "an island"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.h.Add(t.Context(), c.ID, turns[1].ID, Turn{Role: User, Text: "and snow"}, Turn{Role: Assistant, Text: "ice"}); err != nil {
		t.Fatal(err)
	}
	late, err := o.h.Add(t.Context(), c.ID, other[1].ID, Turn{Role: User, Text: "where"})
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := o.h.Replace(t.Context(), c.ID, other[1].ID, Turn{Role: Assistant, Text: "land"}); err != nil || kept[0].After != other[0].ID {
		t.Fatalf("%+v, %v", kept, err)
	}
	if got := words(o.tree(t, c.ID).All()); got != "what is rain|water|zanzibar|and snow|ice|land" {
		t.Errorf("after the answer was replaced: %q", got)
	}
	if _, err := o.h.Replace(t.Context(), c.ID, late[0].ID); !errors.Is(err, vault.ErrNoRecord) {
		t.Errorf("what went with it: %v", err)
	}
	if _, err := o.h.Replace(t.Context(), c.ID, turns[0].ID); err != nil {
		t.Fatal(err)
	}
	o.reopen(t, false)
	list, err := o.h.List()
	if err != nil || list[0].Title != "zanzibar" || list[0].Turns != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	if got := words(o.tree(t, c.ID).Branch(vault.ID{})); got != "zanzibar|land" {
		t.Errorf("left: %q", got)
	}
	if got := o.finds(t, "rain water snow ice"); len(got) != 0 {
		t.Errorf("found %q", got)
	}
}

// A turn that cannot be read hides nothing but itself.
func TestAVersionIsDamaged(t *testing.T) {
	o := newHome(t)
	c := o.begin(t, "what is rain", "water", "and snow")
	_, turns, _ := o.h.Show(t.Context(), c.ID)
	r, err := o.v.Lookup(turns[1].ID)
	if err == nil {
		err = o.v.Write(t.Context(), vault.Edit{Put: []vault.Put{{ID: r.ID, Container: c.ID, Kind: r.Kind, Order: r.Order, Payload: []byte("{")}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	_, tree, err := o.h.Tree(t.Context(), c.ID)
	if got := words(tree.Branch(vault.ID{})); err == nil || got != "what is rain|and snow" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := o.h.Replace(t.Context(), c.ID, turns[2].ID, Turn{Role: User, Text: "and hail"}); err != nil {
		t.Fatal(err)
	}
	_, tree, _ = o.h.Tree(t.Context(), c.ID)
	if got := words(tree.Branch(vault.ID{})); got != "what is rain|and hail" {
		t.Errorf("%q", got)
	}
}

// What is changed of a conversation as a whole stays, and with it what is not.
func TestChange(t *testing.T) {
	o := newHome(t)
	c, err := o.h.New(t.Context(), Start{Model: "tiny", Instruction: "Be brief."}, Turn{Role: User, Text: "what is rain"})
	if err != nil {
		t.Fatal(err)
	}
	o.begin(t, "another")
	manner := Manner{Temperature: new(0.5), Seed: new(int64(7)), MaxTokens: 100}
	for _, change := range []Change{{Pinned: new(true)}, {Manner: &manner}, {Instruction: new("Be long.")}} {
		if _, err := o.h.Change(t.Context(), c.ID, change); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []Manner{{Temperature: new(-1.0)}, {TopP: new(1.1)}, {MaxTokens: -1}, {Seed: new(int64(1 << 32))}, {Context: MaxTokens + 1}} {
		if _, err := o.h.Change(t.Context(), c.ID, Change{Manner: &bad}); !errors.Is(err, ErrManner) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := o.h.Change(t.Context(), vault.NewID(), Change{}); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	for _, clean := range []bool{true, false} {
		got, turns, err := o.h.Show(t.Context(), c.ID)
		if err != nil || !got.Pinned || got.Manner.MaxTokens != 100 || *got.Manner.Temperature != 0.5 || *got.Manner.Seed != 7 || got.Instruction != "Be long." || got.Title != "what is rain" || len(turns) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
		if list, _ := o.h.List(); list[0].ID == c.ID {
			t.Error("a change counts as a use")
		}
		o.reopen(t, clean)
	}
}
