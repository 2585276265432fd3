package library

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"abaton.local/vault"

	"pgregory.net/rapid"
)

// TestModel holds the libraries against a map, through any order of adding,
// changing, removing, closing and being killed.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := newHome(t)
		c := o.embedding(t, newConcepts(1))
		is := map[string]map[string]string{} // word by path by library
		next := 0
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				library, from := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "library"), fmt.Sprintf("/%d.txt", rapid.IntRange(0, 6).Draw(t, "path"))
				next++
				word := fmt.Sprint("word", next)
				o.add(t, library, from, "common "+word)
				if is[library] == nil {
					is[library] = map[string]string{}
				}
				is[library][from] = word
			},
			"remove": func(t *rapid.T) {
				list, err := o.l.Documents(vault.ID{})
				if err != nil {
					t.Fatal(err)
				}
				if len(list) == 0 {
					t.Skip("nothing is there")
				}
				d := rapid.SampledFrom(list).Draw(t, "document")
				if _, err := o.l.Remove(t.Context(), d.ID); err != nil {
					t.Fatal(err)
				}
				for name, paths := range is {
					if o.library(t, name) == d.Library {
						delete(paths, d.Path)
					}
				}
			},
			"remove a library": func(t *rapid.T) {
				name := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "library")
				if is[name] == nil {
					t.Skip("it is not there")
				}
				if _, err := o.l.RemoveLibrary(t.Context(), o.library(t, name)); err != nil {
					t.Fatal(err)
				}
				delete(is, name)
			},
			"embed": func(t *rapid.T) {
				if _, err := o.l.Embed(t.Context()); err != nil {
					t.Fatal(err)
				}
			},
			"another model": func(t *rapid.T) { c.model.Digest[0]++ },
			"reopen":        func(t *rapid.T) { o.reopen(t, rapid.Bool().Draw(t, "clean")) },
			"embed all": func(t *rapid.T) {
				o.embedAll(t)
				var want []string
				for _, paths := range is {
					want = slices.AppendSeq(want, maps.Keys(paths))
				}
				slices.Sort(want)
				if got := o.meansOf(t, "common"); !slices.Equal(got, slices.Compact(want)) {
					t.Fatalf("by meaning %v are found, want %v", got, want)
				}
			},
			"": func(t *rapid.T) {
				o.soundVectors(t)
				for name, paths := range is {
					var want []string
					for from, word := range paths {
						want = append(want, from)
						if got := o.finds(t, word); !slices.Equal(got, []string{from}) {
							t.Fatalf("%s gives %v, want %s", word, got, from)
						}
					}
					slices.Sort(want)
					if got := o.finds(t, "common", o.library(t, name)); !slices.Equal(got, want) {
						t.Fatalf("library %s: %v, want %v", name, got, want)
					}
				}
				if list, err := o.l.List(); err != nil || len(list) != len(is) {
					t.Fatalf("%d libraries, want %d, %v", len(list), len(is), err)
				}
			},
		})
	})
}
