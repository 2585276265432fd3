package leak

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"abaton.local/leak/learn"
)

const tick = 0.1

// paced makes a trace as a perfect shaper would: frames of one size on ticks,
// each up to 5 ms late by lot, the same upload, the same end.
func paced(r *rand.Rand, frames int) Trace {
	t := Trace{Mode: "sealed", Tick: tick, UpSizes: []int{4174}, UpTimes: []float64{0.004}, CloseKind: ServerFin}
	var records []Record
	for k := range frames {
		records = append(records, Record{At: float64(k+1)*tick + 0.005*r.Float64(), Size: 541})
	}
	t.Observe(records)
	t.CloseTime = sum(t.Gaps) + 0.001*r.Float64()
	return t
}

// raw makes a trace as an engine gives it: a record for each token, at the
// engine's pace, as long as its token; label moves length and speed.
func raw(r *rand.Rand, label int) Trace {
	t := Trace{Mode: "off", UpSizes: []int{300 + r.IntN(40)}, UpTimes: []float64{0.004}, CloseKind: ServerFin}
	at := 0.1 + 0.05*r.Float64()
	records := []Record{{At: 0.05, Size: 190}}
	for range 20 + 12*label + r.IntN(30) {
		at += 0.025 * (1 + 0.3*r.NormFloat64()*r.Float64())
		n := 1 + r.IntN(9) + label*r.IntN(2)
		t.TokenLengths = append(t.TokenLengths, n)
		records = append(records, Record{At: at, Size: 232 + n})
	}
	records = append(records, Record{At: at + 0.001, Size: 260}, Record{At: at + 0.002, Size: 42})
	t.Observe(records)
	for i, g := range t.Gaps {
		t.Gaps[i] = max(0, g)
	}
	t.CloseTime = sum(t.Gaps) + 0.001
	return t
}

// collect makes traces of as many prompts for each of two labels.
func collect(seed uint64, prompts, times int, one func(r *rand.Rand, label int) Trace) (traces []Trace) {
	r := rand.New(rand.NewPCG(seed, 11))
	for p := range 2 * prompts {
		for range times {
			t := one(r, p%2)
			t.Label, t.PromptID = topics[p%2], fmt.Sprint("p", p)
			traces = append(traces, t)
		}
	}
	return traces
}

var topics = []string{"noise", "law"}

// light is the same attacks with fewer trees, for tests.
func light() []Attack {
	var out []Attack
	for _, a := range Attacks() {
		switch a.Learner.(type) {
		case learn.Forest:
			a.Learner = learn.Forest{Trees: 20, MinLeaf: 3}
		case learn.Boost:
			a.Learner = learn.Boost{Rounds: 12, Leaves: 6, MinLeaf: 8, Columns: 0.5}
		}
		if a.Pool <= 5 {
			out = append(out, a)
		}
	}
	return out
}

func named(t *testing.T, id string) Attack {
	t.Helper()
	for _, a := range light() {
		if a.ID == id {
			return a
		}
	}
	t.Fatalf("there is no attack %s", id)
	return Attack{}
}

// shift makes everything of a trace later from record k on.
func shift(t *Trace, k int, by float64) {
	t.Gaps[k] += by
	t.CloseTime += by
}

// TestPlantedLeaksAreFound: each leak is one that a shaper might have by a small
// mistake. The attacks named must see it, and chance must not.
func TestPlantedLeaksAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(r *rand.Rand, t *Trace)
		by    []string
	}{
		"one byte, anywhere":     {func(r *rand.Rand, t *Trace) { t.Sizes[r.IntN(len(t.Sizes))]++ }, []string{"A0", "A1", "A2"}},
		"one byte of the upload": {func(_ *rand.Rand, t *Trace) { t.UpSizes[0]++ }, []string{"A7"}},
		"2 ms from the start":    {func(_ *rand.Rand, t *Trace) { shift(t, 0, 0.002) }, []string{"A6"}},
		"2 ms from the middle":   {func(_ *rand.Rand, t *Trace) { shift(t, 15, 0.002) }, []string{"A2", "A6"}},
		"late last frame":        {func(_ *rand.Rand, t *Trace) { shift(t, len(t.Gaps)-1, 0.02) }, []string{"A0", "A2", "A8"}},
		"one frame more": {func(_ *rand.Rand, t *Trace) {
			t.Sizes, t.Gaps, t.CloseTime = append(t.Sizes, 541), append(t.Gaps, tick), t.CloseTime+tick
		}, []string{"A0", "A2", "A3", "A8", "A9"}},
		"late close":        {func(_ *rand.Rand, t *Trace) { t.CloseTime += 0.02 }, []string{"A8"}},
		"other side closes": {func(_ *rand.Rand, t *Trace) { t.CloseKind = ClientFin }, []string{"A8"}},
	} {
		t.Run(name, func(t *testing.T) {
			traces := collect(1, 10, 5, func(r *rand.Rand, label int) Trace {
				tr := paced(r, 30)
				if label == 1 {
					c.plant(r, &tr)
				}
				return tr
			})
			for _, id := range c.by {
				o, err := named(t, id).Run(traces, topics, Effort{Folds: 4, Draws: 200, Permutations: 19, Seed: 2})
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%s: AUC %.3f, at least %.3f, p %.3f", id, o.AUC, o.Within.Low, o.P)
				if o.AUC < 0.9 || o.Within.Low < 0.8 || o.P > 0.05 {
					t.Errorf("%s does not see it: AUC %.3f, at least %.3f, p %.3f", id, o.AUC, o.Within.Low, o.P)
				}
			}
		})
	}
}

// TestConstantStreamTellsNothing: of a perfect shaper no attack may learn more
// than noise, or the harness itself would leak labels into scores.
func TestConstantStreamTellsNothing(t *testing.T) {
	traces := collect(3, 20, 5, func(r *rand.Rand, _ int) Trace { return paced(r, 20) })
	var p []float64
	for _, a := range light() {
		o, err := a.Run(traces, topics, Effort{Folds: 5, Draws: 200, Permutations: 19, Seed: 4})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: AUC %.3f, %.3f to %.3f, p %.2f, null %.3f ± %.3f", a.ID, o.AUC, o.Within.Low, o.Within.High, o.P, o.NullMean, o.NullSD)
		if far := o.AUC - o.NullMean; far > 3.5*o.NullSD || far < -3.5*o.NullSD {
			t.Errorf("%s: AUC %.3f of nothing, null %.3f ± %.3f", a.ID, o.AUC, o.NullMean, o.NullSD)
		}
		if o.Within.Low > 0.55 || o.Within.High < 0.45 {
			t.Errorf("%s: of nothing it is sure of %.3f to %.3f", a.ID, o.Within.Low, o.Within.High)
		}
		p = append(p, o.P)
	}
	for i, v := range learn.Holm(p) {
		if v <= 0.05 {
			t.Errorf("%s: p %.3f of nothing", light()[i].ID, p[i])
		}
	}
	// Without any jitter every row is the same: exactly one half.
	same := collect(3, 10, 2, func(*rand.Rand, int) Trace { return paced(rand.New(rand.NewPCG(1, 1)), 40) })
	for _, a := range light() {
		if a.Pool > 1 {
			continue
		}
		o, err := a.Run(same, topics, Effort{Folds: 5, Draws: 50, Seed: 4})
		if err != nil {
			t.Fatal(err)
		}
		if o.AUC != 0.5 || o.Within.Upper != 0.5 {
			t.Errorf("%s: AUC %v of equal traces, at most %v", a.ID, o.AUC, o.Within.Upper)
		}
		// No draw of prompts differs from another here: only the count bounds the rate.
		if o.TPR != 0.01 || o.TPRUpper < 0.1 {
			t.Errorf("%s: of 20 traces %v are found, at most %v", a.ID, o.TPR, o.TPRUpper)
		}
	}
}

// TestShuffledLabels: traces that differ much, labels by lot. Prompts are asked
// several times, so a split or a shuffle by trace would show as small p-values.
func TestShuffledLabels(t *testing.T) {
	prompt := 0
	traces := collect(5, 12, 4, func(r *rand.Rand, _ int) Trace {
		own := rand.New(rand.NewPCG(uint64(prompt/4), 12)) // its prompt makes a trace, nearly
		prompt++
		t := raw(own, 0)
		t.Gaps[0] += 0.001 * r.Float64()
		return t
	})
	for _, a := range []Attack{
		{ID: "trees", Rows: named(t, "A0").Rows, Learner: learn.Forest{Trees: 10}},
		{ID: "neighbours", Rows: named(t, "A3").Rows, Learner: learn.Neighbours{K: 5}},
	} {
		got, err := a.Control(traces, topics, 60, Effort{Folds: 4, Permutations: 19, Seed: 6})
		if err != nil {
			t.Fatal(err)
		}
		small := 0
		for _, p := range got.PValues {
			if p <= 0.1 {
				small++
			}
		}
		t.Logf("%s: uniform with p %.3f, %d of 60 at most 0.1, mean AUC %.3f", a.ID, got.P, small, got.MeanAUC)
		if got.P < 0.01 || !got.Within || small > 13 {
			t.Errorf("%s: p-values of nothing are not uniform (p %.4f), %d of 60 at most 0.1, mean AUC %.3f", a.ID, got.P, small, got.MeanAUC)
		}
	}
}
