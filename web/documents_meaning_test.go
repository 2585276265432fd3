package web

import (
	"context"
	"errors"
	"strings"
	"testing"

	"abaton.local/library"
	"abaton.local/shaper"
)

// garage is an embedder to which some words mean the same.
type garage struct{ none error }

func (g *garage) Model(context.Context) (library.Model, error) {
	return library.Model{Digest: [32]byte{1}, Dims: 64}, g.none
}

func (g *garage) Embed(_ context.Context, m library.Model, texts []string, _ bool) (all [][]float32, err error) {
	for _, text := range texts {
		v := make([]float32, m.Dims)
		v[0] = 0.1
		if strings.Contains(text, "car") || strings.Contains(text, "automobile") {
			v[1] = 1
		} else {
			v[2] = 1
		}
		all = append(all, v)
	}
	return all, nil
}

// How far documents are found by what they mean stands on their pages, and why no
// farther; with what a search finds, why it was by words alone.
func TestHowDocumentsAreFound(t *testing.T) {
	h, d := settleWithDocuments(t, shaper.Policy{})
	const why = "`abaton pull x` fetches one & more."
	h.Words = func(error) string { return why }
	const said = "<code>abaton pull x</code> fetches one &amp; more."
	none := &garage{none: errors.New("none")}
	d.embed = none
	h.shows(h.ada, "documents", "There is no document yet")
	h.put(h.ada, "house", "one.txt", "The automobile stands in the yard.", 1000)
	l, err := d.Of(t.Context(), h.ada)
	must(t, err)
	one, err := l.Library("house")
	must(t, err)
	pages := []string{"documents", "library/" + one.ID.String()}
	for _, path := range pages {
		h.shows(h.ada, path, "1 passage, found by words<", "Found by words alone. "+said)
	}
	search := func(words string) string { return at(h.post(h.ada, "documents/search", "words", words)) }
	h.shows(h.ada, search("car"), "Looked for by words alone. "+said, "These words stand nowhere")

	none.none = nil
	for _, path := range pages {
		if page := h.shows(h.ada, path, "by meaning: 0 of 1 passage<"); strings.Contains(page, "words alone") {
			t.Errorf("%s says that nothing is embedded", path)
		}
	}
	for more := true; more; {
		more, err = l.Embed(t.Context())
		must(t, err)
	}
	for _, path := range pages {
		h.shows(h.ada, path, "1 passage, found by words and by meaning<")
	}
	if page := h.shows(h.ada, search("car"), "one.txt", ", found by meaning<"); strings.Contains(page, "words alone") {
		t.Error("what was looked for by meaning was not, it says")
	}
	if page := h.shows(h.ada, search("automobile"), "<mark>automobile</mark>"); strings.Contains(page, "found by meaning") {
		t.Error("what has the words is told to be found by meaning")
	}

	// What was embedded stays so, when its model is no more the one to be used.
	none.none = errors.New("none")
	h.put(h.ada, "house", "two.txt", "A horse.", 1000)
	for _, path := range pages {
		h.shows(h.ada, path, "by meaning: 1 of 2 passages<", "No more is embedded. "+said)
	}
}
