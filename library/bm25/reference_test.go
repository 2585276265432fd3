package bm25

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// reference ranks by the definition: slowly, one document after the other, from
// the texts.
func reference(docs map[ID]string, q Query, n int) []Hit {
	counts := make(map[ID]map[string]float64)
	lengths := make(map[ID]float64)
	var total float64
	for id, text := range docs {
		counts[id] = make(map[string]float64)
		var a analyzer
		lengths[id] = float64(a.terms(text, func(term string) { counts[id][term]++ }))
		total += lengths[id]
	}
	having := func(term string) (n float64) {
		for _, c := range counts {
			if c[term] > 0 {
				n++
			}
		}
		return n
	}
	value := func(id ID, term string) float64 {
		tf, df := counts[id][term], having(term)
		if tf == 0 {
			return 0
		}
		idf := math.Log(1 + (float64(len(docs))-df+0.5)/(df+0.5))
		return idf * tf * 1.9 / (tf + 0.9*(0.6+0.4*lengths[id]/(total/float64(len(docs)))))
	}
	var hits []Hit
	for id := range docs {
		var score float64
		for _, w := range q.words {
			best := 0.0
			for _, f := range w.forms {
				best = max(best, f.weight*value(id, f.term))
			}
			score += best
			if w.exact != "" {
				score += 0.1 * value(id, w.exact)
			}
		}
		if score > 0 {
			hits = append(hits, Hit{id, score})
		}
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		if d := b.Score - a.Score; d > 1e-9 || d < -1e-9 {
			return int(math.Copysign(1, d))
		}
		return bytes.Compare(a.ID[:], b.ID[:])
	})
	return hits[:min(n, len(hits))]
}

// same compares, where documents that are all but equal may change places.
func same(t rapid.TB, name string, got, want []Hit) {
	if len(got) != len(want) {
		t.Fatalf("%s: %d hits, the reference has %d", name, len(got), len(want))
	}
	for i := range got {
		if math.Abs(got[i].Score-want[i].Score) > 1e-9 {
			t.Fatalf("%s: hit %d is %v, the reference says %v", name, i, got[i], want[i])
		}
		if got[i].ID == want[i].ID {
			continue
		}
		if !slices.ContainsFunc(want, func(h Hit) bool { return h.ID == got[i].ID }) && math.Abs(got[i].Score-want[len(want)-1].Score) > 1e-9 {
			t.Fatalf("%s: hit %d is not one of the reference's", name, i)
		}
	}
}

// aText draws a text of few words, so that they meet again.
func aText() *rapid.Generator[string] {
	words := strings.Fields("flow flows flowing été ete Été généra general generations l'avion avions 10.0.0.1 10.0.0.2 x_y 日本語 日本 語学 the and de la C++ Straße strasse a1 ﬁn שלום")
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 12).Draw(t, "words"), " ")
	})
}

// TestAgainstTheReference lets an index live: documents come, change and go,
// parts are sealed, merged, encoded and read again; whatever happened, it finds
// what the reference finds in the texts that are left.
func TestAgainstTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := NewIndex()
		docs := make(map[ID]string)
		anID := rapid.Custom(func(t *rapid.T) ID { return ID{rapid.Byte().Draw(t, "id") % 24, 7} })
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				id, text := anID.Draw(t, "id"), aText().Draw(t, "text")
				x.Add(Document{id, text})
				docs[id] = text
			},
			"delete": func(t *rapid.T) {
				id := anID.Draw(t, "id")
				x.Delete(id, id)
				delete(docs, id)
			},
			"merge": func(t *rapid.T) {
				var out []*Segment
				for _, s := range x.Segments() {
					if rapid.Bool().Draw(t, "this one") {
						out = append(out, s)
					}
				}
				open := rapid.Bool().Draw(t, "the open part")
				x.Swap(out, open, x.Merge(out, open, nil))
			},
			"leave out": func(t *rapid.T) {
				id := anID.Draw(t, "id")
				out := x.Segments()
				x.Swap(out, true, x.Merge(out, true, func(d ID) bool { return d == id }))
				delete(docs, id)
			},
			"reopen": func(t *rapid.T) {
				y := NewIndex()
				for _, p := range x.parts {
					again, err := Decode(bytes.Clone(p.seg.Encoded()))
					if err != nil {
						t.Fatal(err)
					}
					live := func(id ID) bool {
						doc, _ := p.seg.find(id)
						return !p.dead.has(doc)
					}
					y.Attach(again, live)
					if rapid.Bool().Draw(t, "twice") {
						y.Attach(again, live) // what is there already counts once
					}
				}
				for id, text := range docs { // what was in no segment
					if !y.Has(id) {
						y.Add(Document{id, text})
					}
				}
				x = y
			},
			"": func(t *rapid.T) {
				if x.Len() != len(docs) {
					t.Fatalf("%d documents, want %d", x.Len(), len(docs))
				}
				q := ParseQuery(aText().Draw(t, "query"))
				n := rapid.IntRange(1, 30).Draw(t, "n")
				same(t, "search", x.Search(q, n), reference(docs, q, n))
			},
		})
	})
}

// However documents came, they make the same segment, and it is no other when
// it was merged from parts.
func TestMergeEqualsBuild(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(aText(), 1, 40).Draw(t, "texts")
		docs := make([]Document, len(texts))
		for i, text := range texts {
			docs[i] = Document{ID{byte(i * 37)}, text}
		}
		shuffled := rapid.Permutation(docs).Draw(t, "order")
		want := Build(docs...)
		if got := Build(shuffled...); !bytes.Equal(got.Encoded(), want.Encoded()) {
			t.Fatal("another order made another segment")
		}
		x := NewIndex()
		for _, d := range shuffled {
			x.Add(d)
			if rapid.Bool().Draw(t, "seal") {
				x.Swap(nil, true, x.Merge(nil, true, nil))
			}
		}
		if got := x.Merge(x.Segments(), true, nil); !bytes.Equal(got.Encoded(), want.Encoded()) {
			t.Fatal("merging made another segment than building")
		}
		gone := docs[0].ID
		rest := Build(docs[1:]...)
		got := x.Merge(x.Segments(), true, func(id ID) bool { return id == gone })
		if (got == nil) != (rest == nil) || got != nil && !bytes.Equal(got.Encoded(), rest.Encoded()) {
			t.Fatal("what was left out left something behind")
		}
	})
}

// Two runs give the same hits in the same order, to the last bit.
func TestSearchIsDeterministic(t *testing.T) {
	docs, queries := corpus(2000)
	x, y := NewIndex(), NewIndex()
	x.Add(docs...)
	for i, d := range docs {
		y.Add(d)
		if i%333 == 0 {
			y.Swap(nil, true, y.Merge(nil, true, nil))
		}
	}
	for _, q := range queries {
		q := ParseQuery(q)
		a, b := x.Search(q, 20), x.Search(q, 20)
		if !slices.Equal(a, b) {
			t.Fatal("two searches differ")
		}
		if c := y.Search(q, 20); !slices.Equal(a, c) {
			t.Fatalf("segments make a difference: %v, %v", a, c)
		}
	}
}
