package main

import (
	"errors"
	"testing"

	"abaton.local/library"
)

func TestHowALibraryIsFound(t *testing.T) {
	for want, l := range map[string]libraryJSON{
		"":                                {Documents: 1},
		", found by words":                {Passages: 900},
		", found by words and by meaning": {Passages: 900, Meanings: 900},
		", found by words; by meaning: 340 of 900 passages": {Passages: 900, Meanings: 340},
		", found by words; by meaning: 0 of 1 passage":      {Passages: 1},
	} {
		none := ""
		if want == ", found by words" {
			none = "there is no model"
		}
		if got := foundBy(l, none); got != want {
			t.Errorf("%+v: %q, want %q", l, got, want)
		}
	}
}

func TestWhyNothingMoreIsEmbedded(t *testing.T) {
	some, none := docsOut{WordsOnly: "there is no model"}, docsOut{WordsOnly: "there is no model"}
	some.Libraries = []libraryJSON{{Passages: 9}, {Passages: 9, Meanings: 3}}
	none.Libraries = some.Libraries[:1]
	for want, list := range map[string]docsOut{"": {}, "By words alone: there is no model.": none, "Nothing more is embedded: there is no model.": some} {
		if got := stopsEmbedding(list); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestByWordsWhereNoEngineIs: a home without an engine opens documents all the same,
// and says why they are found by words alone.
func TestByWordsWhereNoEngineIs(t *testing.T) {
	for _, e := range []*embedders{nil, {}, {rooms: &rooms{}}} {
		if _, err := e.now(); !errors.Is(err, errNoEngineHere) {
			t.Errorf("%+v: %v", e, err)
		}
		if _, err := (embedder{of: e}).Embed(t.Context(), library.Model{}, []string{"a"}, true); !errors.Is(err, errNoEngineHere) {
			t.Errorf("%+v: %v", e, err)
		}
	}
	for _, err := range []error{errNoEngineHere, errNoEmbedder, errNotInTime, library.ErrNotEmbedded} {
		if wordsAlone(err) == "" {
			t.Errorf("nothing is said of %v", err)
		}
	}
	if wordsAlone(nil) != "" {
		t.Error("something is said though nothing is wanting")
	}
}
