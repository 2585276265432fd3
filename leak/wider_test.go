package leak

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"abaton.local/leak/learn"
)

// TestPooledShareScores: what an attack that adds up another's scores finds does not
// depend on whether the other was asked before.
func TestPooledShareScores(t *testing.T) {
	traces := collect(4, 12, 5, func(r *rand.Rand, label int) Trace { return paced(r, 20+label+r.IntN(3)) })
	attacks := light()
	e := Effort{Folds: 3, Draws: 40, Permutations: 6, Seed: 2}
	b := newBench(traces, topics, attacks)
	shared := 0
	for _, a := range attacks {
		if a.ID != "A2" && a.ID != "A9" {
			continue
		}
		together, err := a.run(b, e)
		if err != nil {
			t.Fatal(err)
		}
		alone, err := a.Run(traces, topics, e)
		if err != nil {
			t.Fatal(err)
		}
		x, _ := json.Marshal(together)
		if y, _ := json.Marshal(alone); string(x) != string(y) {
			t.Errorf("%s together: %s, alone: %s", a.ID, x, y)
		}
		if a.Of != "" {
			shared++
		}
	}
	if shared != 1 || len(b.said) != 1+e.Permutations {
		t.Errorf("%d attacks shared %d scores", shared, len(b.said))
	}
}

// TestWider: unshaped streams tell which of three topics they are on; of sealed
// ones nothing is told, and what is kept is not asked again.
func TestWider(t *testing.T) {
	make3 := func(seed uint64, one func(r *rand.Rand, label int) Trace) (out []Trace) {
		traces, names := several(seed, 3, 10, 2, func(r *rand.Rand, label, _ int) Trace { return one(r, label) })
		for _, tr := range traces {
			for i, n := range names {
				if tr.Label == n {
					tr.Label = []string{"noise", "law", "health"}[i]
					tr.PromptTokens = 10 + 5*i
					break
				}
			}
			out = append(out, tr)
		}
		return out
	}
	kept, asked := make(map[string][]byte), 0
	s := Study{Noise: "noise", Topics: []string{"law", "health"}, Attacks: light(), Effort: Effort{Folds: 4, Draws: 40, Enough: 3, Seed: 3},
		Kept: func(key string, into any) bool {
			text, there := kept[key]
			return there && json.Unmarshal(text, into) == nil
		},
		Keep: func(key string, found any) (err error) { asked++; kept[key], err = json.Marshal(found); return err }}
	off := make3(1, func(r *rand.Rand, label int) Trace { return raw(r, 3*label) })
	w, err := s.Wider("off", off)
	if err != nil || len(w.Choices) != 2 || w.Choices[1].Accuracy < 0.8 || w.Choices[0].Permutations != 0 || w.Traces != len(off) || w.Prompt == nil {
		t.Errorf("%+v %v", w, err)
	}
	sealed := make3(2, func(r *rand.Rand, _ int) Trace { return paced(r, 20) })
	if w, err = s.Wider("sealed", sealed); err != nil || len(w.Choices) != 2 || w.Choices[0].Permutations != leastShuffles || len(w.Leaks()) != 0 {
		t.Errorf("of nothing: %+v %v", w, err)
	}
	before := asked
	again, err := s.Wider("sealed", sealed)
	x, _ := json.Marshal(w)
	if y, _ := json.Marshal(again); err != nil || asked != before || before != 6 || string(x) != string(y) {
		t.Errorf("asked %d times, then %d; %v", before, asked, err)
	}
	w.Choices[0].P = 0.005
	if leaks := w.Leaks(); len(leaks) != 1 {
		t.Errorf("a leak among three questions: %v", leaks)
	}
	r := Report{Ways: []WayReport{{Modes: []ModeReport{{Mode: "sealed", Wider: w}}}}}
	if !r.Found() {
		t.Error("the report does not say that it was found")
	}
}

// TestLateness counts frames: one that is late by more than a tick stays itself.
func TestLateness(t *testing.T) {
	tr := Trace{Tick: 0.1, Sizes: []int{43, 461, 541, 541, 541, 541, 541, 24}, Gaps: []float64{0.01, 0, 0.1, 0.1, 0.25, 0, 0.05, 0}}
	// Frames at 0.11, 0.21, 0.46, 0.46, 0.51: the grid begins at 0.11.
	got := lateness(&tr)
	for i, want := range []float64{0, 0, 0.15, 0.05, 0} {
		if len(got) != 5 || !(math.Abs(got[i]-want) < 1e-9) {
			t.Fatalf("late by %v", got)
		}
	}
	whole := Trace{Tick: 0.1, Sizes: []int{43, 16406, 16406, 16406, 16406}, Gaps: []float64{0.01, 32, 0, 0, 0}}
	if got := lateness(&whole); got != nil {
		t.Errorf("what comes at once is late by %v", got)
	}
	if got := lateness(&Trace{Tick: 0.1}); got != nil {
		t.Errorf("nothing is late by %v", got)
	}
}

// TestLabour adds up what the parts of a run have cost.
func TestLabour(t *testing.T) {
	f, err := OpenFolder(t.TempDir(), "run")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, more, err := f.Labour("way")
		if err != nil {
			t.Fatal(err)
		}
		if err := more.Write(Labour{1.5, 100}); err != nil {
			t.Fatal(err)
		}
		if err := more.Close(); err != nil {
			t.Fatal(err)
		}
	}
	sum, more, err := f.Labour("way")
	if err != nil || sum != (Labour{3, 200}) {
		t.Errorf("%+v %v", sum, err)
	}
	if err := more.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestCorrected: the p-value that a page shows is the least of an attack's, for as
// many questions as the mode was asked.
func TestCorrected(t *testing.T) {
	all := []Outcome{
		{ID: "A0", P: 0.5, Permutations: 9}, {ID: "A1", P: 0.01, Permutations: 9}, {ID: "A1", P: 0.3, Permutations: 9}, {ID: "A2", P: 1},
	}
	p := learn.Holm([]float64{0.5, 0.01, 0.3, 1})
	if least, shuffled := corrected(all, "A1"); !shuffled || least != p[1] || least != 0.04 {
		t.Errorf("%v %v", least, shuffled)
	}
	if _, shuffled := corrected(all, "A2"); shuffled {
		t.Error("a control is corrected")
	}
}

// TestEnds: answers that end in the same second are counted once, whatever one record
// of another size says of the connection, and those that keep no tick not at all.
func TestEnds(t *testing.T) {
	answer := func(frames int) Trace {
		tr := Trace{Tick: 0.1, Sizes: []int{120}, Gaps: []float64{0.05}}
		for range frames {
			tr.Sizes, tr.Gaps = append(tr.Sizes, 541), append(tr.Gaps, 0.1)
		}
		return tr
	}
	if c := CostOf([]Trace{answer(320), answer(320), answer(319)}); c.Ends != 1 {
		t.Errorf("answers of one length end in %d seconds", c.Ends)
	}
	if c := CostOf([]Trace{answer(30), answer(40), answer(640), answer(40)}); c.Ends != 3 {
		t.Errorf("answers of three lengths end in %d seconds", c.Ends)
	}
	plain := answer(30)
	plain.Tick = 0
	if c := CostOf([]Trace{plain}); c.Ends != 0 {
		t.Errorf("without a tick there are %d ends", c.Ends)
	}
}
