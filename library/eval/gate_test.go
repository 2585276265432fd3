package eval

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"abaton.local/internal/ggufgen"
	"abaton.local/library/find"
)

// asked is a question, and what was found for it.
type asked struct {
	*question
	evidence find.Evidence
}

func (f *finder) evidence(t testing.TB, questions []*question, dense bool) (list []asked) {
	for _, q := range questions {
		list = append(list, asked{q, f.ask(t, q.wanted(), true, dense, find.Usual()).evidence})
	}
	return list
}

// abstained is how a gate judges: of the unanswerable questions whether it lets
// none through, of the answerable ones whether it does.
func abstained(list []asked, g find.Gate) (rightly, wrongly []float64) {
	for _, q := range list {
		stopped := one(!g.Enough(q.evidence))
		if q.answerable() {
			wrongly = append(wrongly, stopped)
		} else {
			rightly = append(rightly, stopped)
		}
	}
	return rightly, wrongly
}

// mostWrong is how often a gate may abstain where there is an answer.
const mostWrong = 0.10

// bestGate is the gate that abstains most often rightly, of those that do so
// wrongly no more often than they may; of equals the one that is wrong least.
func bestGate(list []asked, gates []find.Gate) (best find.Gate) {
	least, most := 1.0, -1.0
	for _, g := range gates {
		r, w := abstained(list, g)
		rightly, wrongly := mean(r), mean(w)
		if wrongly <= mostWrong && (rightly > most || rightly == most && wrongly < least) {
			best, most, least = g, rightly, wrongly
		}
	}
	return best
}

// gates are those that are tried: by words alone, or with meaning beside.
func gates(dense bool) (list []find.Gate) {
	for c := 1; c <= 100; c++ {
		g := find.Gate{Coverage: float64(c) / 100}
		if !dense {
			list = append(list, g)
			continue
		}
		for m := 10; m <= 80 && c%5 == 0; m++ {
			g.Cosine = float64(m) / 100
			list = append(list, g)
		}
	}
	return list
}

func judged(list []asked, g find.Gate) string {
	rightly, wrongly := abstained(list, g)
	return fmt.Sprintf("%+v abstains rightly on %s of %d, wrongly on %s of %d", g, share(rightly), len(rightly), share(wrongly), len(wrongly))
}

// TestGate measures the evidence gate alone: how often it says that the
// documents do not answer, where they do not and where they do. The thresholds
// that ship were chosen by half A, all figures are printed for both halves.
func TestGate(t *testing.T) {
	s := loadSet(t)
	f := newFinder(t, s.passages(), keptVectors(t, s))
	var model [32]byte
	digest, err := hex.DecodeString(strings.TrimPrefix(ggufgen.MiniLMDigest, "sha256:"))
	must(t, err)
	copy(model[:], digest)
	for _, c := range []struct {
		name  string
		keep  func(*question) bool
		dense bool
		ships find.Gate
	}{
		{"both languages, by words", all(), false, find.Needed([32]byte{})},
		{"English, by words", english, false, find.Needed([32]byte{})},
		{"French, by words", french, false, find.Needed([32]byte{})},
		{"English, by words and meaning", english, true, find.Needed(model)},
	} {
		a := f.evidence(t, s.some(all(c.keep, (*question).tuned)), c.dense)
		b := f.evidence(t, s.some(all(c.keep, figured)), c.dense)
		t.Logf("%s: half A alone would choose %+v", c.name, bestGate(a, gates(c.dense)))
		t.Logf("%s, half A: %s", c.name, judged(a, c.ships))
		t.Logf("MEASURED %s, half B: %s", c.name, judged(b, c.ships))
		for _, kind := range []string{"foreign", "missing"} {
			of := slices.DeleteFunc(slices.Clone(b), func(q asked) bool { return !q.answerable() && q.Kind != kind })
			rightly, _ := abstained(of, c.ships)
			t.Logf("MEASURED %s, half B, %s: abstains rightly on %s of %d", c.name, kind, share(rightly), len(rightly))
		}
		if _, wrongly := abstained(a, c.ships); mean(wrongly) > mostWrong && c.name != "French, by words" {
			t.Errorf("%s: on the half that it was tuned by the gate abstains wrongly on %.3f", c.name, mean(wrongly))
		}
	}
}
