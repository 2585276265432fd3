package find

import (
	"cmp"
	"slices"
)

// Place is where a passage lies that was found.
type Place struct {
	Document    ID
	Passage     int // its number in the document
	First, Past int // passages of the section to widen to
}

// Stretch is passages of a document that follow each other, to be read as one.
type Stretch struct {
	Document    ID
	First, Past int
	Found       []int // those that were found, ascending
}

// Widen adds to passages, best first, what stands around them in their sections,
// as far as a budget of tokens goes. First come all that were found, in order,
// where they fit; then each in turn gets the passage after it and the one
// before. What touches becomes one stretch; the stretch with the best passage is
// first.
func Widen(found []Place, budget int, tokens func(document ID, passage int) int) []Stretch {
	w := widening{budget: budget, tokens: tokens, taken: make(map[ID]map[int]bool)}
	var reaches []*reach
	for _, p := range found {
		if p.Passage >= p.First && p.Passage < p.Past && w.take(p.Document, p.Passage) {
			reaches = append(reaches, &reach{Place: p, before: p.Passage, after: p.Passage})
		}
	}
	for grown := true; grown; {
		grown = false
		for _, r := range reaches {
			grown = w.after(r) || grown
			grown = w.before(r) || grown
		}
	}
	return w.stretches(reaches)
}

// reach is how far a passage was widened.
type reach struct {
	Place
	before, after int // the outermost passages
	full          [2]bool
}

type widening struct {
	budget int
	tokens func(ID, int) int
	taken  map[ID]map[int]bool
}

// take pays for a passage, if there is budget for it and it is not there yet.
func (w *widening) take(document ID, passage int) bool {
	if w.taken[document][passage] {
		return true
	}
	cost := w.tokens(document, passage)
	if cost < 0 || cost > w.budget {
		return false
	}
	w.budget -= cost
	if w.taken[document] == nil {
		w.taken[document] = make(map[int]bool)
	}
	w.taken[document][passage] = true
	return true
}

func (w *widening) after(r *reach) bool {
	if r.full[0] || r.after+1 >= r.Past || !w.take(r.Document, r.after+1) {
		r.full[0] = true
		return false
	}
	r.after++
	return true
}

func (w *widening) before(r *reach) bool {
	if r.full[1] || r.before-1 < r.First || !w.take(r.Document, r.before-1) {
		r.full[1] = true
		return false
	}
	r.before--
	return true
}

// stretches joins what touches.
func (w *widening) stretches(reaches []*reach) (out []Stretch) {
	type ranked struct {
		Stretch
		rank int
	}
	var all []ranked
	for i, r := range reaches {
		all = append(all, ranked{Stretch{r.Document, r.before, r.after + 1, []int{r.Passage}}, i})
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(slices.Compare(a.Document[:], b.Document[:]), cmp.Compare(a.First, b.First), cmp.Compare(a.rank, b.rank))
	})
	var joined []ranked
	for _, s := range all {
		if n := len(joined); n > 0 && joined[n-1].Document == s.Document && s.First <= joined[n-1].Past {
			last := &joined[n-1]
			last.Past = max(last.Past, s.Past)
			last.Found = append(last.Found, s.Found...)
			last.rank = min(last.rank, s.rank)
			continue
		}
		joined = append(joined, s)
	}
	slices.SortFunc(joined, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	for _, s := range joined {
		slices.Sort(s.Found)
		s.Found = slices.Compact(s.Found)
		out = append(out, s.Stretch)
	}
	return out
}
