package leak

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"abaton.local/leak/learn"
)

// TestMoreFindPlanted: leaks that only these attacks, or these best, can see.
func TestMoreFindPlanted(t *testing.T) {
	attack := make(map[string]Attack)
	for _, a := range MoreAttacks() {
		if f, is := a.Learner.(learn.Forest); is {
			f.Trees = 20
			a.Learner = f
		}
		attack[a.ID] = a
	}
	for id, plant := range map[string]func(r *rand.Rand, t *Trace){
		"A3/warped": func(_ *rand.Rand, t *Trace) { // a pause of one tick somewhere in the middle
			shift(t, 12, 2*tick)
		},
		"A8/rule":   func(_ *rand.Rand, t *Trace) { t.CloseTime += 0.002 },
		"A9/length": func(r *rand.Rand, t *Trace) { t.Sizes[r.IntN(len(t.Sizes))]++ },
	} {
		traces := collect(7, 12, 5, func(r *rand.Rand, label int) Trace {
			tr := paced(r, 30)
			if label == 1 {
				plant(r, &tr)
			}
			return tr
		})
		o, err := attack[id].Run(traces, topics, Effort{Folds: 4, Draws: 100, Permutations: 19, Seed: 2})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: AUC %.3f, %.2f bits, p %.3f", id, o.AUC, o.Bits, o.P)
		if o.AUC < 0.9 || o.P > 0.05 || len(o.Rare) != 2 || o.Bits < 0.3 {
			t.Errorf("%s does not see it: %+v", id, o)
		}
	}
	for _, a := range attack {
		small, bits := 0, 0.0
		for seed := range uint64(12) {
			nothing := collect(20+seed, 10, 5, func(r *rand.Rand, _ int) Trace { return paced(r, 20) })
			o, err := a.Run(nothing, topics, Effort{Folds: 4, Draws: 10, Permutations: 9, Seed: seed * 977})
			if err != nil {
				t.Fatal(err)
			}
			if o.P <= 0.1 {
				small++
			}
			bits += o.Bits / 12
		}
		if small > 4 || bits > 0.05 {
			t.Errorf("%s sees something in nothing: %d of 12 p-values are at most 0.1, %.3f bits", a.ID, small, bits)
		}
		for i, row := range a.Rows([]Trace{{}, {Sizes: []int{5}, Gaps: []float64{0}}, paced(rand.New(rand.NewPCG(1, 1)), 300)}) {
			for _, v := range row {
				if v-v != 0 {
					t.Errorf("%s: trace %d gives %v", a.ID, i, v)
				}
			}
		}
	}
}

// several makes traces of as many prompts for each of n labels.
func several(seed uint64, labels, prompts, times int, one func(r *rand.Rand, label, prompt int) Trace) (traces []Trace, names []string) {
	r := rand.New(rand.NewPCG(seed, 14))
	for l := range labels {
		names = append(names, fmt.Sprint("label", l))
	}
	for p := range labels * prompts {
		for k := range times {
			t := one(r, p%labels, p)
			t.Label, t.PromptID, t.Seed = names[p%labels], fmt.Sprint("p", p), uint64(k)
			traces = append(traces, t)
		}
	}
	return traces, names
}

// TestChooseAmongMany: four labels of different lengths are named; equal ones are
// named as often as chance names them.
func TestChooseAmongMany(t *testing.T) {
	trees := Attack{ID: "A0", Rows: named(t, "A0").Rows, Learner: learn.Forest{Trees: 20, MinLeaf: 3}}
	e := Effort{Folds: 4, Draws: 200, Permutations: 19, Seed: 3}
	traces, labels := several(1, 4, 10, 2, func(r *rand.Rand, label, _ int) Trace { return paced(r, 20+3*label+r.IntN(3)) })
	c, err := trees.Choose(traces, labels, e)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("accuracy %.3f, %.3f to %.3f, majority %.3f, %.2f bits, p %.3f", c.Accuracy, c.Within.Low, c.Within.High, c.Majority, c.Bits, c.P)
	if c.Accuracy < 0.95 || c.Within.Low < 0.85 || c.Within.Low > c.Accuracy || c.Majority != 0.25 || c.P != 0.05 || c.Bits < 1.2 || c.Bits > 2 || c.Prompts != 10 || c.Traces != 20 {
		t.Errorf("four lengths: %+v", c)
	}
	all := 0
	for y, row := range c.Named {
		for k, n := range row {
			all += n
			if y != k && n > 2 {
				t.Errorf("label %d was taken for %d %d times", y, k, n)
			}
		}
	}
	if all != len(traces) {
		t.Errorf("%d of %d traces were named", all, len(traces))
	}

	same, labels := several(2, 4, 10, 2, func(r *rand.Rand, _, _ int) Trace { return paced(r, 20) })
	if c, err = trees.Choose(same, labels, e); err != nil || c.P <= 0.05 || math.Abs(c.Accuracy-c.NullMean) > 3.5*c.NullSD || c.Bits > 0.1 {
		t.Errorf("of nothing: %+v %v", c, err)
	}
	if _, err := trees.Choose(same, []string{"label0", "else"}, e); err == nil {
		t.Error("a label without traces is named")
	}
}

// TestRareKnown: counts that can be made by hand.
func TestRareKnown(t *testing.T) {
	s := learn.Scored{Set: learn.Set{Classes: 2}}
	add := func(y int, score float64) {
		s.Y, s.Group, s.Fold = append(s.Y, y), append(s.Group, len(s.Group)), append(s.Fold, 0)
		s.Scores = append(s.Scores, []float64{1 - score, score})
	}
	for i := range 1000 {
		add(0, float64(i)/2000) // the highest is 0.4995
	}
	for range 40 {
		add(1, 0.9)
	}
	for range 20 {
		add(1, 0.498) // ten in a thousand are as high or higher at 0.495, four at 0.498
	}
	for range 40 {
		add(1, 0.1)
	}
	e := Effort{Draws: 500, Seed: 1}
	measured := Outcome{Labels: []string{"else", "sought"}}
	if !measured.measure(s, e) {
		t.Fatal("nothing was measured")
	}
	out := measured.Rare
	for i, want := range []Rare{{Allowed: 1e-2, TPR: 0.6, FPR: 0.004}, {Allowed: 1e-3, TPR: 0.4, FPR: 0}} {
		r := out[i]
		// At 1 % the threshold lies above the eleventh negative.
		if i == 0 {
			want.FPR = 0.010
		} else {
			want.FPR = 0.001
		}
		t.Logf("%+v", r)
		if r.Allowed != want.Allowed || r.TPR != want.TPR || math.Abs(r.FPR-want.FPR) > 1e-12 {
			t.Errorf("at %v: %+v", want.Allowed, r)
		}
		low, high := learn.ClopperPearson(int(want.TPR*100), 100, 0.95)
		_, alarms := learn.ClopperPearson(int(want.FPR*1000+0.5), 1000, 0.95)
		if !(r.TPRLow <= low && r.TPRHigh >= high && r.FPRHigh >= alarms) || r.TPRLow < low-0.05 || r.TPRHigh > high+0.05 || r.FPRHigh > alarms+0.005 {
			t.Errorf("at %v the bounds are %+v; by counts %v to %v, %v", want.Allowed, r, low, high, alarms)
		}
		if math.Abs(r.Precision-want.TPR/(want.TPR+10_000*want.FPR)) > 1e-12 || !(r.Guaranteed < r.Precision && r.Precision < r.Possible) {
			t.Errorf("odds %+v", r)
		}
	}
	// No false alarm in few says little.
	var few learn.Scored
	few.Classes = 2
	for i := range 200 {
		few.Y, few.Group, few.Fold = append(few.Y, i%2), append(few.Group, i), append(few.Fold, 0)
		few.Scores = append(few.Scores, []float64{float64(1 - i%2), float64(i % 2)})
	}
	if !measured.measure(few, e) {
		t.Fatal("nothing was measured")
	}
	if r := measured.Rare[3]; r.TPR != 1 || r.FPR != 0 || r.Precision != 1 || r.Guaranteed > 0.003 || r.Possible != 1 {
		t.Errorf("perfect on a hundred: %+v", r)
	}
}

// TestGuessPrompt: an upload as long as its prompt gives the length away, a bucket
// does not.
func TestGuessPrompt(t *testing.T) {
	e := Effort{Folds: 4, Draws: 100, Permutations: 19, Seed: 3}
	for _, c := range []struct {
		open bool
	}{{true}, {false}} {
		traces, _ := several(5, 1, 60, 2, func(r *rand.Rand, _, prompt int) Trace {
			tr := paced(r, 10)
			tr.PromptTokens = 20 + prompt*7%40
			if c.open {
				tr.UpSizes = []int{300 + 4*tr.PromptTokens + r.IntN(9)}
			}
			return tr
		})
		g, ok, err := GuessPrompt(traces, e)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		t.Logf("R² %.3f, %.3f to %.3f, off by %.1f of %.1f tokens, p %.2f, AUC %.3f", g.Explained, g.Within.Low, g.Within.High, g.Off, g.OffMean, g.P, g.Longer.AUC)
		switch {
		case c.open && (g.Explained < 0.9 || g.Within.Low < 0.8 || g.P > 0.05 || g.Off > g.OffMean/2 || g.Longer.AUC < 0.95):
			t.Errorf("an open upload: %+v", g)
		case !c.open && (g.Explained > 0.1 || g.P <= 0.05 || g.Longer.P <= 0.05):
			t.Errorf("a bucket: %+v", g)
		}
	}
	if _, ok, err := GuessPrompt(make([]Trace, 9), e); ok || err != nil {
		t.Errorf("without lengths: %v %v", ok, err)
	}
}
