package bm25

import (
	"math"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// However documents lie in indexes, they are ranked as in one, and cover as
// much of a query.
func TestScopeIsOneIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, several := NewIndex(), Scope{NewIndex(), NewIndex(), NewIndex()}
		docs := make(map[ID]string)
		for i, text := range rapid.SliceOfN(aText(), 0, 30).Draw(t, "texts") {
			d := Document{ID{byte(i * 37)}, text}
			x := rapid.SampledFrom(several).Draw(t, "index")
			x.Add(d)
			if rapid.Bool().Draw(t, "seal") {
				x.Swap(nil, true, x.Merge(nil, true, nil))
			}
			if rapid.IntRange(0, 4).Draw(t, "fate") == 0 {
				x.Delete(d.ID)
				continue
			}
			one.Add(d)
			docs[d.ID] = text
		}
		q := ParseQuery(aText().Draw(t, "query"))
		n := rapid.IntRange(1, 40).Draw(t, "n")
		got := append(several, several[0]).Search(q, n)
		if !slices.Equal(got, one.Search(q, n)) {
			t.Fatal("it makes a difference where documents lie")
		}
		var ids []ID
		for id := range docs {
			ids = append(ids, id)
		}
		ids = append(ids, ID{255, 255})
		each, together := several.Coverage(q, ids...)
		for i, c := range each {
			if want := coverage(docs, q, ids[i]); math.Abs(c-want) > 1e-9 {
				t.Fatalf("the coverage of %v is %v, want %v", ids[i], c, want)
			}
		}
		if want := coverage(docs, q, ids...); math.Abs(together-want) > 1e-9 {
			t.Fatalf("together they cover %v, want %v", together, want)
		}
	})
}

// coverage is the definition, from the texts.
func coverage(docs map[ID]string, q Query, ids ...ID) float64 {
	has := func(id ID, w wanted) (yes bool) {
		var a analyzer
		a.terms(docs[id], func(term string) {
			yes = yes || slices.ContainsFunc(w.forms, func(f form) bool { return f.term == term })
		})
		return yes
	}
	var all, own float64
	for _, w := range q.words {
		n := 0
		for d := range docs {
			if has(d, w) {
				n++
			}
		}
		n = max(n, 1)
		weight := math.Log(1 + (float64(len(docs)-n)+0.5)/(float64(n)+0.5))
		if len(w.forms) == 1 {
			weight *= w.forms[0].weight
		}
		all += weight
		if slices.ContainsFunc(ids, func(id ID) bool { return has(id, w) }) {
			own += weight
		}
	}
	if all == 0 {
		return 0
	}
	return own / all
}

func TestCoverage(t *testing.T) {
	x := NewIndex()
	x.Add(Document{ID{1}, "The rent of the flat in Lyon is 800 euros."}, Document{ID{2}, "The flat has two rooms."}, Document{ID{3}, "Rooms are painted white."})
	for query, want := range map[string][3]bool{ // covered by half or more
		"what is the rent in Lyon?": {true, false, false},
		"two rooms":                 {false, true, false},
		"who painted the rooms":     {false, false, true},
		"loyer à Marseille":         {false, false, false},
		"the":                       {true, true, false}, // nothing else was asked
		"":                          {false, false, false},
	} {
		each, _ := (Scope{x}).Coverage(ParseQuery(query), ID{1}, ID{2}, ID{3})
		for i, c := range each {
			if (c >= 0.5) != want[i] {
				t.Errorf("%q: %d is covered by %.2f", query, i+1, c)
			}
		}
	}
}

// Two that search the same indexes in another order, while both are written to,
// do not wait for each other.
func TestScopeAtOnce(t *testing.T) {
	x, y := NewIndex(), NewIndex()
	x.Add(Document{ID{1}, "rain"})
	y.Add(Document{ID{2}, "rain and wind"})
	q := ParseQuery("rain wind")
	var work sync.WaitGroup
	for _, s := range []Scope{{x, y}, {y, x}} {
		work.Go(func() {
			for range 200 {
				if hits := s.Search(q, 1); len(hits) != 1 || hits[0].ID != (ID{2}) {
					t.Errorf("%v", hits)
				}
				s.Coverage(q, ID{1}, ID{2})
			}
		})
	}
	for i := range 200 {
		d := Document{ID{9, byte(i)}, "snow"}
		x.Add(d)
		y.Add(Document{ID{8, byte(i)}, "snow"})
		x.Delete(d.ID)
	}
	work.Wait()
}
