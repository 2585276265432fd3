package find

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestWiden(t *testing.T) {
	ten := func(ID, int) int { return 10 }
	for name, c := range map[string]struct {
		found  []Place
		budget int
		want   []Stretch
	}{
		"the whole section":     {[]Place{{ID{1}, 3, 2, 6}}, 100, []Stretch{{ID{1}, 2, 6, []int{3}}}},
		"after, then before":    {[]Place{{ID{1}, 3, 0, 9}}, 30, []Stretch{{ID{1}, 2, 5, []int{3}}}},
		"what was found first":  {[]Place{{ID{1}, 3, 0, 9}, {ID{2}, 0, 0, 4}}, 20, []Stretch{{ID{1}, 3, 4, []int{3}}, {ID{2}, 0, 1, []int{0}}}},
		"each in turn":          {[]Place{{ID{1}, 3, 0, 9}, {ID{2}, 0, 0, 4}}, 50, []Stretch{{ID{1}, 2, 5, []int{3}}, {ID{2}, 0, 2, []int{0}}}},
		"two that meet":         {[]Place{{ID{1}, 5, 0, 9}, {ID{1}, 3, 0, 9}}, 60, []Stretch{{ID{1}, 2, 8, []int{3, 5}}}},
		"the best first":        {[]Place{{ID{2}, 0, 0, 1}, {ID{1}, 0, 0, 1}}, 90, []Stretch{{ID{2}, 0, 1, []int{0}}, {ID{1}, 0, 1, []int{0}}}},
		"one that is too long":  {[]Place{{ID{1}, 3, 0, 9}}, 9, nil},
		"outside its section":   {[]Place{{ID{1}, 3, 5, 9}}, 90, nil},
		"neighbouring sections": {[]Place{{ID{1}, 1, 0, 2}, {ID{1}, 2, 2, 4}}, 40, []Stretch{{ID{1}, 0, 4, []int{1, 2}}}},
	} {
		if diff := cmp.Diff(c.want, Widen(c.found, c.budget, ten)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Whatever was found, the budget is kept, nothing is read twice, nothing comes
// from outside the sections, and nothing that was found is given up for what
// was not.
func TestWidenKeepsTheBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		found := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Place {
			section := rapid.IntRange(0, 3).Draw(t, "section") * 5
			return Place{ID{rapid.ByteMax(2).Draw(t, "document")}, section + rapid.IntRange(0, 4).Draw(t, "passage"), section, section + 5}
		}), 0, 8).Draw(t, "found")
		costs := rapid.SliceOfN(rapid.IntRange(0, 50), 20, 20).Draw(t, "costs")
		cost := func(_ ID, passage int) int { return costs[passage] }
		budget := rapid.IntRange(-1, 400).Draw(t, "budget")
		got := Widen(found, budget, cost)
		read := make(map[Place]bool)
		spent := 0
		for _, s := range got {
			for i := s.First; i < s.Past; i++ {
				one := Place{Document: s.Document, Passage: i}
				if read[one] {
					t.Fatal("a passage is read twice")
				}
				read[one] = true
				spent += costs[i]
				if !slices.ContainsFunc(found, func(p Place) bool { return p.Document == s.Document && i >= p.First && i < p.Past }) {
					t.Fatal("a passage comes from another section")
				}
			}
		}
		if spent > max(0, budget) {
			t.Fatalf("%d tokens of %d", spent, budget)
		}
		alone := 0
		seen := make(map[Place]bool)
		for _, p := range found {
			if one := (Place{Document: p.Document, Passage: p.Passage}); !seen[one] && alone+costs[p.Passage] <= budget {
				seen[one] = true
				alone += costs[p.Passage]
				if !read[one] {
					t.Fatal("something that was found is not there")
				}
			}
		}
	})
}
