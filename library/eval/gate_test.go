package eval

import (
	"encoding/hex"
	"fmt"
	"maps"
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
		order := r.Perm(documents)
		for i, n := range others[1:] {
			small := make(map[int]bool)
			for d := range documents {
				small[d] = in[d] || slices.Contains(order[:n], d)
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
// library of any size. By meaning there is a margin: with one in ten on half A
// more than that were wrong on half B.
func mostWrong(byMeaning bool) float64 {
	if byMeaning {
		return 0.08
	}
	return 0.10
}

// bestGate is the strictest gate of a slope, how much of the words makes up for
// how much of a cosine, or of words alone where it is 0, that abstains wrongly no
// more often than it may, in either language; and as strict in small libraries as
// that allows there.
func bestGate(list []asked, slope float64) (best find.Gate) {
	kept := func(g find.Gate, size int) bool {
		for _, of := range languages(list) {
			_, w := abstained(of, size, g)
			_, none := abstained(of, size, find.Gate{Coverage: 0.001, Cosine: 0.001}) // nothing was found at all
			if mean(w) > max(mostWrong(slope > 0), mean(none)) {
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
// is worth for a question that it has not seen.
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
		fmt.Fprintf(&b, "\n\t%s: rightly on %s of %d, wrongly on %s of %d", beside(n), share(rightly), len(rightly), share(wrongly), len(wrongly))
	}
	return b.String()
}

// TestGate measures the evidence gate alone: how often it says that the
// documents do not answer, where they do not and where they do. The thresholds
// that ship were chosen by half A, all figures are printed for both halves. To
// choose them anew, run it with -v: it says what half A would choose.
func TestGate(t *testing.T) {
	s := loadSet(t)
	f := newFinder(t, s.passages(), keptVectors(t, s))
	var model [32]byte
	digest, err := hex.DecodeString(strings.TrimPrefix(ggufgen.MiniLMDigest, "sha256:"))
	must(t, err)
	copy(model[:], digest)
	for _, way := range []struct {
		name   string
		keep   func(*question) bool
		slopes []float64
		ships  find.Gate
		of     map[string]func(*question) bool
	}{
		{"by words", all(), []float64{0}, find.Needed([32]byte{}), map[string]func(*question) bool{"both languages": all(), "English": english, "French": french}},
		{"by words and meaning", english, []float64{1.5, 2, 2.5, 3}, find.Needed(model), map[string]func(*question) bool{"English": english}},
	} {
		a := f.evidence(t, s.some(all(way.keep, (*question).tuned)), way.ships.Cosine > 0)
		b := f.evidence(t, s.some(all(way.keep, figured)), way.ships.Cosine > 0)
		for _, slope := range way.slopes {
			if testing.Verbose() {
				chosen(t, way.name, a, slope)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(way.of)) {
			only := func(list []asked, keep func(*question) bool) []asked {
				return slices.DeleteFunc(slices.Clone(list), func(q asked) bool { return !keep(q.question) })
			}
			t.Logf("%s, %s, half A, %+v: %s", name, way.name, way.ships, judged(only(a, way.of[name]), way.ships))
			of := only(b, way.of[name])
			t.Logf("MEASURED %s, %s, half B: %s", name, way.name, judged(of, way.ships))
			for _, kind := range []string{"foreign", "missing"} {
				rightly, _ := abstained(only(of, func(q *question) bool { return q.Kind == kind }), 0, way.ships)
				t.Logf("MEASURED %s, %s, half B, %s: abstains rightly on %s of %d", name, way.name, kind, share(rightly), len(rightly))
			}
		}
		for size := range others {
			if _, wrongly := abstained(a, size, way.ships); mean(wrongly) > mostWrong(way.ships.Cosine > 0) {
				t.Errorf("%s: on the half that it was tuned by the gate abstains wrongly on %.3f", way.name, mean(wrongly))
			}
		}
	}
}

// chosen says what gate questions choose, how sure that is and what it is worth.
func chosen(t *testing.T, name string, list []asked, slope float64) {
	best := bestGate(list, slope)
	low, high := spread(list, slope)
	t.Logf("%s, slope %g: half A would choose %.3f; 90 of 100 samples of it from %.3f to %.3f", name, slope, best, low, high)
	rightly, wrongly := leftOut(list, slope)
	for size, n := range others {
		r, w := abstained(list, size, best)
		t.Logf("\t%s: rightly %.3f, wrongly %.3f; left out one by one %.3f and %.3f", beside(n), mean(r), mean(w), mean(rightly[size]), mean(wrongly[size]))
	}
}

func beside(others int) string {
	if others < 0 {
		return "among all documents"
	}
	return fmt.Sprintf("among %d others", others)
}
