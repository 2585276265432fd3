package learn

import (
	"math"
	"slices"
	"testing"
)

// TestWarpedKnown compares distances with trying every way to walk two curves,
// and the neighbours found with measuring all of them.
func TestWarpedKnown(t *testing.T) {
	r := random(8, 0)
	line := func(n int) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = math.Round(r.NormFloat64()*4) / 2
		}
		return out
	}
	for _, c := range []struct{ points, channels, band int }{{1, 1, 1}, {6, 1, 1}, {6, 1, 6}, {5, 2, 2}} {
		var s Set
		for i := range 12 {
			s.X, s.Y, s.Group = append(s.X, line(c.points*c.channels)), append(s.Y, i%2), append(s.Group, i)
		}
		s.Classes = 2
		w := Warped{K: 3, Channels: c.channels, Band: c.band}
		m, fitted := w.curves(s.X), w.Fit(s, 1)
		voters := m.voters(3, s, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
		for range 30 {
			row := line(c.points * c.channels)
			z := m.scale(row)
			var all []near
			for i, known := range m.rows {
				var walk func(a, b int) float64
				walk = func(a, b int) float64 {
					if max(a-b, b-a) > m.band {
						return math.Inf(1)
					}
					var d float64
					for ch := range c.channels {
						v := z[ch*c.points+a] - known[ch*c.points+b]
						d += v * v
					}
					switch {
					case a == 0 && b == 0:
						return d
					case a == 0:
						return d + walk(a, b-1)
					case b == 0:
						return d + walk(a-1, b)
					}
					return d + min(walk(a-1, b-1), walk(a-1, b), walk(a, b-1))
				}
				want := walk(c.points-1, c.points-1)
				about(t, "distance", m.distance(z, known, math.Inf(1), make([]float64, c.points+1), make([]float64, c.points+1)), want)
				if least := m.least(z, i, math.Inf(1)); least > want+1e-9 {
					t.Errorf("the bound %v is above the distance %v", least, want)
				}
				all = append(all, near{want, i})
			}
			slices.SortStableFunc(all, func(a, b near) int {
				if a.d < b.d {
					return -1
				}
				return 1
			})
			want, got := voters.vote(all[:3]), fitted.Scores(row)
			// Of neighbours equally far either may be taken.
			if all[2].d < all[3].d-1e-9 && !(math.Abs(want[0]-got[0]) < 1e-9) {
				t.Errorf("the neighbours say %v, all measured %v", got, want)
			}
		}
	}
}

// TestWarpedSeesThroughSpeed: bumps at other times, which neighbours that do not
// warp confuse.
func TestWarpedSeesThroughSpeed(t *testing.T) {
	r := random(9, 0)
	s := Set{Classes: 2}
	for i := range 80 {
		row, at := make([]float64, 40), []int{3 + r.IntN(12), 21 + r.IntN(12)} // two bumps
		if i%2 == 0 {
			at = at[i/2%2 : i/2%2+1] // or one of them
		}
		for _, k := range at {
			copy(row[k:], []float64{1, 1, 1, 1})
		}
		s.X, s.Y, s.Group = append(s.X, row), append(s.Y, i%2), append(s.Group, i)
	}
	stiff, loose := Cross(Neighbours{K: 5}, s, 4, 1).AUC(), Cross(Warped{K: 5, Band: 12}, s, 4, 1).AUC()
	t.Logf("AUC %.3f, warped %.3f", stiff, loose)
	if loose < 0.99 {
		t.Errorf("AUC %.3f by warped neighbours, %.3f by others", loose, stiff)
	}
}

// TestDegenerate: rows that are all the same, a column that is, one row: no
// learner may fall over or see something.
func TestDegenerate(t *testing.T) {
	for name, x := range map[string][][]float64{
		"same":       {{1, 2, 3}, {1, 2, 3}, {1, 2, 3}, {1, 2, 3}},
		"one column": {{0, 2, 0}, {0, 2, 0}, {0, 2, 0}, {0, 2, 0}},
	} {
		s := Set{X: x, Y: []int{0, 1, 0, 1}, Group: []int{0, 1, 2, 3}, Classes: 2}
		for _, l := range []Learner{Warped{}, Warped{Channels: 2}, Warped{Channels: 9}, Rule{}} {
			p := l.Fit(s, 1).Scores([]float64{1, 2, 3})
			if math.Abs(p[0]-0.5) > 1e-12 || math.Abs(p[0]+p[1]-1) > 1e-12 {
				t.Errorf("%s: %T says %v", name, l, p)
			}
		}
		g := Guess{}.Cross(Amounts{X: x, Y: []float64{1, 2, 3, 4}, Group: s.Group}, 2, 1)
		if v := g.Explained(nil); math.Abs(v) > 1e-12 {
			t.Errorf("%s: nothing explains %v", name, v)
		}
	}
	if v := (Guessed{Amounts: Amounts{Y: []float64{3, 3}}, Said: []float64{3, 3}, Mean: []float64{3, 3}}).Explained(nil); !math.IsNaN(v) {
		t.Errorf("of what never differs %v is explained", v)
	}
	one := Scored{Set: Set{Y: []int{0, 1}, Classes: 2}, Scores: [][]float64{{0.5, 0.5}, {0.5, 0.5}}, Fold: []int{0, 0}}
	if got := one.Calibrated(); !slices.EqualFunc(got.Scores, one.Scores, slices.Equal) {
		t.Errorf("calibrated by nothing: %v", got.Scores)
	}
}

// TestCalibratedOfNothing: where scores mean nothing no bits are claimed, and a
// learner that is wrong more often than right is not read backwards.
func TestCalibratedOfNothing(t *testing.T) {
	r := random(10, 0)
	for _, turned := range []bool{false, true} {
		s := Scored{Set: Set{Classes: 2}}
		for i := range 2000 {
			y, p := i%2, r.Float64()
			if turned {
				p = 0.9 - 0.8*float64(y)
			}
			s.Y, s.Fold, s.Scores = append(s.Y, y), append(s.Fold, i/2%5), append(s.Scores, []float64{1 - p, p})
		}
		if b := s.Calibrated().Bits(); b > 0.005 || b < -0.01 {
			t.Errorf("turned %v: %.4f bits of nothing; %.4f as they stand", turned, b, s.Bits())
		}
	}
}
