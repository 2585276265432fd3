package learn

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// TestMoreAsScikitLearn holds what was added to the learners against
// scikit-learn's on the same data: testdata/golden_more.json.
func TestMoreAsScikitLearn(t *testing.T) {
	var g struct {
		Regression struct {
			X     [][]float64
			Y     []float64
			Train int
			R2    float64
		}
		Calibration []struct {
			Y             []int
			Scores        [][]float64
			Before, After float64
		}
		Rule struct {
			X      [][]float64
			Y      []int
			Train  int
			Column int
			Limit  float64
		}
		Runs []struct {
			Docs           [][]float64
			Y              []int
			Train, Classes int
			AUC            float64
			Margins        []float64
		}
	}
	text, err := os.ReadFile("testdata/golden_more.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}

	r := g.Regression
	trees := Guess{Trees: 300}.fit(r.X[:r.Train], r.Y[:r.Train], 1)
	said := Guessed{Amounts: Amounts{Y: r.Y[r.Train:]}}
	mean := 0.0
	for _, y := range r.Y[:r.Train] {
		mean += y / float64(r.Train)
	}
	for _, row := range r.X[r.Train:] {
		sum := 0.0
		for _, tree := range trees {
			sum += tree.at(row) / float64(len(trees))
		}
		said.Said, said.Mean = append(said.Said, sum), append(said.Mean, mean)
	}
	t.Logf("R² %.4f, scikit-learn %.4f", said.Explained(nil), r.R2)
	if got := said.Explained(nil); !(math.Abs(got-r.R2) < 0.02) {
		t.Errorf("R² %.4f, scikit-learn says %.4f", got, r.R2)
	}

	for _, c := range g.Calibration {
		s := Scored{Set: Set{Y: c.Y, Classes: len(c.Scores[0])}, Scores: c.Scores}
		for i := range c.Y {
			s.Fold = append(s.Fold, i%2)
		}
		count := make([]float64, s.Classes)
		for _, y := range c.Y {
			count[y]++
		}
		before, after := entropy(count)-s.Bits(), entropy(count)-s.Calibrated().Bits()
		t.Logf("%d labels: %.4f bits unknown before, %.4f after; scikit-learn %.4f, %.4f", s.Classes, before, after, c.Before, c.After)
		if !(math.Abs(before-c.Before) < 1e-9) || c.After > 0 && !(math.Abs(after-c.After) < 0.002) {
			t.Errorf("%.4f bits unknown before, %.4f after; scikit-learn says %.4f and %.4f", before, after, c.Before, c.After)
		}
		if !(after < before) || !(after < entropy(count)) {
			t.Errorf("calibrated, %.4f bits are unknown; %.4f before, %.4f without looking", after, before, entropy(count))
		}
	}

	u := g.Rule
	s := Set{X: u.X[:u.Train], Y: u.Y[:u.Train], Group: make([]int, u.Train), Classes: 2}
	m, is := Rule{}.Fit(s, 1).(*rule)
	if !is || m.column != u.Column || math.Abs(m.limit-u.Limit) > 1e-6 {
		t.Errorf("the rule asks whether column %d is above %v, scikit-learn's whether %d is above %v", m.column, m.limit, u.Column, u.Limit)
	}

	for _, c := range g.Runs {
		var s Set
		s.Classes, s.Y = c.Classes, c.Y[:c.Train]
		longest := 0
		for _, d := range c.Docs {
			longest = max(longest, len(d))
		}
		rows := make([][]float64, len(c.Docs))
		for i, d := range c.Docs {
			rows[i] = make([]float64, longest)
			copy(rows[i], d)
		}
		s.X = rows[:c.Train]
		for i := range s.X {
			s.Group = append(s.Group, i)
		}
		m, is := Grams{}.Fit(s, 1).(*grams)
		if !is {
			t.Fatal("another model")
		}
		said := Scored{Set: Set{Y: c.Y[c.Train:], Classes: c.Classes}, Fold: make([]int, len(c.Y)-c.Train)}
		for _, row := range rows[c.Train:] {
			said.Scores = append(said.Scores, m.Scores(row))
		}
		t.Logf("%d labels: AUC %.4f, scikit-learn %.4f", c.Classes, said.AUC(), c.AUC)
		if got := said.AUC(); !(math.Abs(got-c.AUC) < 0.01) {
			t.Errorf("AUC %.4f, scikit-learn says %.4f", got, c.AUC)
		}
		for i, want := range c.Margins {
			if got := dot(m.terms(m.wordsOf(rows[c.Train+i])), m.weights[0]); !(math.Abs(got-want) < 0.01) {
				t.Errorf("row %d has the margin %.5f, scikit-learn says %.5f", i, got, want)
			}
		}
	}
}
