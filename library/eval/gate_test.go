package eval

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"abaton.local/internal/ggufgen"
	"abaton.local/library/find"
)

// asked is a question, and what was found for it among all documents, among a
// few, and in the one that it is about.
type asked struct {
	*question
	evidence [len(others)]find.Evidence
}

// others are how many documents lie beside the one that a question is about:
// people ask one file as often as a cabinet. The first are all.
var others = [...]int{-1, 10, 0}

// evidence asks each question in libraries of all sizes. What has no answer is
// asked of the document that is found first for it among all.
func (f *finder) evidence(t testing.TB, questions []*question, dense bool) (list []asked) {
	r := rand.New(rand.NewPCG(3, 4))
	documents := f.list[len(f.list)-1].document + 1
	for _, q := range questions {
		got := f.ask(t, q.wanted(), true, dense, find.Usual())
		a := asked{question: q}
		a.evidence[0] = got.evidence
		in := make(map[int]bool)
		for _, g := range q.gold {
			in[g.document] = true
		}
		if len(in) == 0 && len(got.picked) > 0 {
			in[got.picked[0].document] = true
		}
		beside := r.Perm(documents)
		for i, n := range others[1:] {
			small := make(map[int]bool)
			for d := range documents {
				small[d] = in[d] || slices.Contains(beside[:n], d)
			}
			a.evidence[i+1] = f.only(t, small).ask(t, q.wanted(), true, dense, find.Usual()).evidence
		}
		list = append(list, a)
	}
	return list
}

// only finds in some of the documents.
func (f *finder) only(t testing.TB, documents map[int]bool) *finder {
	var some []passage
	for _, p := range f.list {
		if documents[p.document] {
			some = append(some, p)
		}
	}
	return newFinder(t, some, f.vectors)
}

// abstained is how a gate judges among so many others: of the unanswerable
// questions whether it lets none through, of the answerable ones whether it does.
func abstained(list []asked, size int, g find.Gate) (rightly, wrongly []float64) {
	for _, q := range list {
		stopped := one(!g.Enough(q.evidence[size]))
		if q.answerable() {
			wrongly = append(wrongly, stopped)
		} else {
			rightly = append(rightly, stopped)
		}
	}
	return rightly, wrongly
}

// mostWrong is how often a gate may abstain where there is an answer, in a
// library of any size.
const mostWrong = 0.10

// bestGate is the strictest gate of a slope, how much of the words makes up for
// how much of a cosine, or of words alone where it is 0, that abstains wrongly no
// more often than it may, in either language; and as strict in small libraries as
// that allows there.
func bestGate(list []asked, slope float64) (best find.Gate) {
	kept := func(g find.Gate, size int) bool {
		for _, of := range languages(list) {
			_, w := abstained(of, size, g)
			_, none := abstained(of, size, find.Gate{Coverage: 0.001, Cosine: 0.001}) // nothing was found at all
			if mean(w) > max(mostWrong, mean(none)) {
				return false
			}
		}
		return true
	}
	for n := 1; n <= 100; n++ {
		g := find.Gate{Coverage: float64(n) / 100}
		if slope > 0 {
			g = find.Gate{Coverage: slope * float64(n) / 100, Cosine: float64(n) / 100}
		}
		if !kept(g, 0) {
			break
		}
		best = g
	}
	for size := 1; size < len(others); size++ {
		for best.Less < 1 && !kept(best, size) {
			best.Less += 0.01
		}
	}
	return best
}

// languages parts questions by theirs.
func languages(list []asked) (out [2][]asked) {
	for _, q := range list {
		at := 0
		if q.lang == "fr" {
			at = 1
		}
		out[at] = append(out[at], q)
	}
	return out
}

// leftOut judges each question by the gate that the others choose: what a choice
// is worth for a question that it has not seen. The thresholds that were chosen
// lie between low and high.
func leftOut(list []asked, slope float64) (rightly, wrongly [len(others)][]float64) {
	for i, q := range list {
		g := bestGate(slices.Delete(slices.Clone(list), i, i+1), slope)
		for size := range others {
			r, w := abstained([]asked{q}, size, g)
			rightly[size], wrongly[size] = append(rightly[size], r...), append(wrongly[size], w...)
		}
	}
	return rightly, wrongly
}

// spread is what 90 of 100 samples of the questions choose at least and at most.
func spread(list []asked, slope float64) (low, high find.Gate) {
	r := rand.New(rand.NewPCG(1, 1))
	var coverage, cosine, less []float64
	for range 100 {
		sample := make([]asked, len(list))
		for i := range sample {
			sample[i] = list[r.IntN(len(list))]
		}
		g := bestGate(sample, slope)
		coverage, cosine, less = append(coverage, g.Coverage), append(cosine, g.Cosine), append(less, g.Less)
	}
	for _, x := range [][]float64{coverage, cosine, less} {
		slices.Sort(x)
	}
	return find.Gate{Coverage: coverage[5], Cosine: cosine[5], Less: less[5]}, find.Gate{Coverage: coverage[95], Cosine: cosine[95], Less: less[95]}
}

// judged says how a gate judges in libraries of each size.
func judged(list []asked, g find.Gate) string {
	var b strings.Builder
	for size, n := range others {
		rightly, wrongly := abstained(list, size, g)
		beside := "all documents"
		if n >= 0 {
			beside = fmt.Sprintf("%d others", n)
		}
		fmt.Fprintf(&b, "\n\tamong %s abstains rightly on %s of %d, wrongly on %s of %d", beside, share(rightly), len(rightly), share(wrongly), len(wrongly))
	}
	return b.String()
}

// TestGate measures the evidence gate alone: how often it says that the
// documents do not answer, where they do not and where they do. The thresholds
// that ship were chosen by half A, all figures are printed for both halves. What
// is printed of half A is all that is needed to choose them anew.
func TestGate(t *testing.T) {
	s := loadSet(t)
	f := newFinder(t, s.passages(), keptVectors(t, s))
	var model [32]byte
	digest, err := hex.DecodeString(strings.TrimPrefix(ggufgen.MiniLMDigest, "sha256:"))
	must(t, err)
	copy(model[:], digest)
	words := []float64{0}
	for _, c := range []struct {
		name   string
		keep   func(*question) bool
		slopes []float64
		ships  find.Gate
	}{
		{"both languages, by words", all(), words, find.Needed([32]byte{})},
		{"English, by words", english, nil, find.Needed([32]byte{})},
		{"French, by words", french, nil, find.Needed([32]byte{})},
		{"English, by words and meaning", english, []float64{1.5, 2, 2.5, 3}, find.Needed(model)},
	} {
		dense := c.ships.Cosine > 0
		a := f.evidence(t, s.some(all(c.keep, (*question).tuned)), dense)
		for _, slope := range c.slopes {
			best := bestGate(a, slope)
			low, high := spread(a, slope)
			t.Logf("%s, slope %g: half A alone would choose %+v; 90 of 100 samples of it from %+v to %+v", c.name, slope, best, low, high)
			rightly, wrongly := leftOut(a, slope)
			for size, n := range others {
				r, w := abstained(a, size, best)
				t.Logf("\tamong %d others rightly %.3f, wrongly %.3f; left out one by one %.3f and %.3f", n, mean(r), mean(w), mean(rightly[size]), mean(wrongly[size]))
			}
		}
		t.Logf("%s, half A, %+v: %s", c.name, c.ships, judged(a, c.ships))
		b := f.evidence(t, s.some(all(c.keep, figured)), dense)
		t.Logf("MEASURED %s, half B: %s", c.name, judged(b, c.ships))
		for _, kind := range []string{"foreign", "missing"} {
			of := slices.DeleteFunc(slices.Clone(b), func(q asked) bool { return q.Kind != kind })
			rightly, _ := abstained(of, 0, c.ships)
			t.Logf("MEASURED %s, half B, %s: abstains rightly on %s of %d", c.name, kind, share(rightly), len(rightly))
		}
		for size := range others {
			if _, wrongly := abstained(a, size, c.ships); mean(wrongly) > mostWrong && c.slopes != nil {
				t.Errorf("%s: on the half that it was tuned by the gate abstains wrongly on %.3f", c.name, mean(wrongly))
			}
		}
	}
}
