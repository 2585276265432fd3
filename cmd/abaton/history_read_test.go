package main

import (
	"testing"

	"abaton.local/chat/history"
)

// An answer at a terminal that goes on from one which read documents says so, too,
// whatever its sender knows.
func TestWhatGoesOnFromDocumentsSaysSo(t *testing.T) {
	d := deskOfAda(t)
	x, err := d.home.history(t.Context(), d.session)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x.New(t.Context(), history.Start{}, history.Turn{Role: history.User, Text: "one"}, history.Turn{Role: history.Assistant, Text: "from a document", Read: &history.Reading{Kind: "extractive"}})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := x.New(t.Context(), history.Start{}, history.Turn{Role: history.User, Text: "one"})
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range []appendIn{
		{ID: c.ID, Turns: []turnJSON{{Role: history.User, Text: "two"}}}, {ID: c.ID, Turns: []turnJSON{{Role: history.Assistant, Text: "and on"}}},
		{ID: plain.ID, Turns: []turnJSON{{Role: history.Assistant, Text: "by itself"}}},
	} {
		if _, err := appendHistory().at(t.Context(), d, in); err != nil {
			t.Fatal(err)
		}
	}
	_, turns, err := x.Show(t.Context(), c.ID)
	if err != nil || len(turns) != 4 || turns[2].Read != nil || turns[3].Read == nil || turns[3].Read.Kind != "" {
		t.Errorf("%+v %v", turns, err)
	}
	if _, turns, err := x.Show(t.Context(), plain.ID); err != nil || turns[1].Read != nil {
		t.Errorf("%+v %v", turns, err)
	}
}
