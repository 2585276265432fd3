package learn

import (
	"math"
	"slices"
	"testing"
)

// alike makes traces of prompts, several of each, that differ a little by label
// and have much in common: equal values, a constant column, whole numbers.
func alike(seed uint64, classes int) Set {
	r := random(seed, 11)
	s := Set{Classes: classes}
	for p := range 24 {
		for range 5 {
			y := p % classes
			s.X = append(s.X, []float64{float64(y + r.IntN(4)), 7, math.Round(r.NormFloat64()*10) / 4, r.Float64() + 0.2*float64(y), float64(1 + p%3), 0})
			s.Y, s.Group = append(s.Y, y), append(s.Group, p)
		}
	}
	return s
}

// TestPreparedSaysTheSame: what is found out once about rows changes nothing that
// learners say, whatever part they learn from and however labels lie.
func TestPreparedSaysTheSame(t *testing.T) {
	for name, l := range map[string]Learner{
		"boost":  Boost{Rounds: 15, Leaves: 5, MinLeaf: 4, Columns: 0.7, Patience: 4},
		"forest": Forest{Trees: 15, MinLeaf: 2},
		"grams":  Grams{},
		"rule":   Rule{},
	} {
		for _, classes := range []int{2, 3} {
			s := alike(1, classes)
			prepared := s.Prepared()
			for seed := range uint64(3) {
				a, b := Cross(l, Shuffle(s, seed), 4, seed), Cross(l, Shuffle(prepared, seed), 4, seed)
				for i := range a.Scores {
					for k, v := range a.Scores[i] {
						if !(math.Abs(v-b.Scores[i][k]) < 1e-9) {
							t.Fatalf("%s of %d labels: row %d is scored %v, prepared %v", name, classes, i, a.Scores[i], b.Scores[i])
						}
					}
				}
			}
		}
	}
}

// TestNeighboursKept: the neighbours that are kept of each row are those that a
// search finds, also where the kept ones run out.
func TestNeighboursKept(t *testing.T) {
	s := alike(2, 2)
	for name, l := range map[string]Learner{"neighbours": Neighbours{K: 4}, "warped": Warped{K: 4, Channels: 2}, "many": Neighbours{K: surrounding}} {
		prepared := s.Prepared()
		var known []int
		for i := range s.X {
			if s.Group[i]%3 != 0 {
				known = append(known, i)
			}
		}
		m := l.Fit(prepared.pick(known), 1)
		kept, is := m.(indexed)
		if !is {
			t.Fatalf("%s keep nothing", name)
		}
		for i, row := range s.X {
			if s.Group[i]%3 != 0 {
				continue
			}
			if a, b := m.Scores(row), kept.scoresOf(i); !slices.Equal(a, b) {
				t.Fatalf("%s: row %d is scored %v by searching, %v by what is kept", name, i, a, b)
			}
		}
	}
}

// TestBootstrapsShareDraws: each interval is the one that its statistic gets alone.
func TestBootstrapsShareDraws(t *testing.T) {
	s := alike(3, 2)
	r := random(5, 5)
	said := Scored{Set: s, Fold: make([]int, len(s.Y))}
	for range s.Y {
		p := r.Float64()
		said.Scores = append(said.Scores, []float64{1 - p, p})
	}
	area, first := said.Area(), func(w []float64) float64 { return w[0] }
	both := Bootstraps(s, 60, 7, area, first)
	if both[0] != Bootstrap(s, 60, 7, area) || both[1] != Bootstrap(s, 60, 7, first) {
		t.Errorf("together %v", both)
	}
	never := Bootstraps(s, 5, 7, func([]float64) float64 { return math.NaN() })
	if !math.IsNaN(never[0].Low) {
		t.Errorf("of nothing: %v", never)
	}
}
