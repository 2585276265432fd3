package learn

import (
	"math"
	"slices"
	"testing"
)

// about fails unless got is want to ten digits.
func about(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) < 1e-10) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func TestRankingKnown(t *testing.T) {
	r := NewRanking([]float64{0.1, 0.4, 0.35, 0.8}, []bool{false, false, true, true}, nil)
	about(t, "AUC", r.AUC(nil), 0.75)
	average, base := r.Precision(nil)
	about(t, "average precision", average, 0.5+0.5*2/3)
	about(t, "base", base, 0.5)
	about(t, "TPR at 0", r.TPR(0, nil), 0.5)
	about(t, "TPR at 1/4", r.TPR(0.25, nil), 0.5) // half of a negative row reaches no further
	about(t, "TPR at 1", r.TPR(1, nil), 1)

	same := NewRanking([]float64{1, 1, 1, 1}, []bool{false, false, true, true}, nil)
	about(t, "AUC of equal scores", same.AUC(nil), 0.5)
	about(t, "their TPR", same.TPR(0.01, nil), 0.01)

	// Each stratum is in order, though together they are not.
	s := NewRanking([]float64{1, 2, 11, 12}, []bool{false, true, false, true}, []int{0, 0, 1, 1})
	about(t, "AUC within strata", s.AUC(nil), 1)
	if v := NewRanking([]float64{1}, []bool{true}, nil).AUC(nil); !math.IsNaN(v) {
		t.Errorf("with nothing to compare, AUC is %v", v)
	}
}

// TestRankingCounts compares with counting every pair, with ties and weights;
// turned scores give the rest to one.
func TestRankingCounts(t *testing.T) {
	r := random(5, 0)
	for range 50 {
		n := 2 + r.IntN(40)
		score, turned, weight, positive := make([]float64, n), make([]float64, n), make([]float64, n), make([]bool, n)
		for i := range score {
			score[i], weight[i], positive[i] = float64(r.IntN(9)), float64(r.IntN(4)), r.IntN(2) == 0
			turned[i] = -score[i]
		}
		positive[0], positive[1], weight[0], weight[1] = true, false, 1, 1
		var right, pairs float64
		for i, p := range positive {
			for j, q := range positive {
				if p && !q {
					w := weight[i] * weight[j]
					pairs += w
					if score[i] > score[j] {
						right += w
					} else if score[i] == score[j] {
						right += w / 2
					}
				}
			}
		}
		got := NewRanking(score, positive, nil).AUC(weight)
		about(t, "AUC", got, right/pairs)
		about(t, "turned", NewRanking(turned, positive, nil).AUC(weight), 1-got)
	}
}

func TestHolmKnown(t *testing.T) {
	got := Holm([]float64{0.01, 0.04, 0.03, 0.005})
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} {
		about(t, "corrected", got[i], want)
	}
	if got := Holm([]float64{0.9, 0.8}); got[0] != 1 || got[1] != 1 {
		t.Errorf("corrected beyond one: %v", got)
	}
}

func TestPValueKnown(t *testing.T) {
	var n Null
	about(t, "best of all", n.P(3, []float64{0, 1, 2}), 0.25)
	about(t, "a tie", n.P(2, []float64{0, 1, 2}), 0.5)
	about(t, "not a number", n.P(math.NaN(), []float64{0, 1, 2}), 1)
	about(t, "no draws", n.P(1, nil), 1)
	n.Enough = 2
	about(t, "enough", n.P(1, []float64{0, 1, 0, 2}), 0.5)
	about(t, "not enough", n.P(1, []float64{0, 1, 0, 0}), 0.4)
}

// TestNullEndsEarly: the draws are the first of those made without an early end,
// and p-values stay uniform.
func TestNullEndsEarly(t *testing.T) {
	s := prompts(1, 4, 1, 2, 1, 0)
	lot := func(_ Set, seed uint64) float64 { return random(seed, 9).Float64() }
	all := Null{Times: 50, Seed: 3}.Draw(s, 0.5, lot)
	early := Null{Times: 50, Enough: 5, Seed: 3}.Draw(s, 0.5, lot)
	if len(all) != 50 || len(early) >= 50 || !slices.Equal(early, all[:len(early)]) || early[len(early)-1] < 0.5 {
		t.Errorf("all %v\nearly %v", all, early)
	}
	if got := (Null{Times: 50, Enough: 5}).Draw(s, 2, lot); len(got) != 50 {
		t.Errorf("what chance never reaches was given up after %d", len(got))
	}
	var p []float64
	for i := range uint64(400) {
		n := Null{Times: 99, Enough: 10, Seed: i << 32}
		seen := random(i, 10).Float64()
		p = append(p, n.P(seen, n.Draw(s, seen, lot)))
	}
	slices.Sort(p)
	for _, level := range []float64{0.01, 0.05, 0.1, 0.5} {
		below := 0
		for _, v := range p {
			if v <= level {
				below++
			}
		}
		if most := 400*level + 4*math.Sqrt(400*level*(1-level)); float64(below) > most {
			t.Errorf("%d of 400 p-values are at most %v", below, level)
		}
	}
}

func TestBinomialProperties(t *testing.T) {
	for n := 1; n < 60; n += 7 {
		before := -1.0
		for k := range n + 1 {
			low, high := ClopperPearson(k, n, 0.95)
			otherLow, otherHigh := ClopperPearson(n-k, n, 0.95)
			about(t, "the other side", low, 1-otherHigh)
			about(t, "the other side", high, 1-otherLow)
			if seen := float64(k) / float64(n); low > seen || high < seen || low < before {
				t.Errorf("%d of %d: %v to %v", k, n, low, high)
			}
			before = low
		}
	}
	if low, high := ClopperPearson(0, 0, 0.95); low != 0 || high != 1 {
		t.Error("nothing seen must say nothing")
	}
}

func TestSmirnovKnown(t *testing.T) {
	d, p := Smirnov([]float64{1, 2, 3}, []float64{4, 5, 6})
	about(t, "distance", d, 1)
	about(t, "p", p, 0.1) // 2 of the 20 orders
	d, p = Smirnov([]float64{1, 1, 1}, []float64{1, 1})
	about(t, "distance of equals", d, 0)
	about(t, "p of equals", p, 1)
	if _, p := Uniform([]float64{0.05, 0.25, 0.45, 0.65, 0.85, 0.15, 0.35, 0.55, 0.75, 0.95}); p < 0.99 {
		t.Errorf("an even sample has p %v", p)
	}
	if _, p := Uniform([]float64{0.01, 0.02, 0.03, 0.04, 0.05, 0.06}); p > 1e-3 {
		t.Errorf("a lopsided sample has p %v", p)
	}
}

func TestQuantileKnown(t *testing.T) {
	v := []float64{1, 2, 3, 4}
	about(t, "median", Quantile(v, 0.5), 2.5)
	about(t, "lowest", Quantile(v, 0), 1)
	about(t, "highest", Quantile(v, 1), 4)
}

func TestBitsKnown(t *testing.T) {
	s := Scored{Set: Set{Y: []int{0, 1, 0, 1}, Classes: 2}}
	s.Scores = [][]float64{{1, 0}, {0, 1}, {1, 0}, {0, 1}}
	about(t, "of sure and right", s.Bits(), 1)
	s.Scores = [][]float64{{0.5, 0.5}, {0.5, 0.5}, {0.5, 0.5}, {0.5, 0.5}}
	about(t, "of no idea", s.Bits(), 0)

	r := random(9, 0)
	var a, b []int
	for range 20_000 {
		a, b = append(a, r.IntN(16)), append(b, r.IntN(16))
	}
	if v := Mutual(a, a); math.Abs(v-4) > 0.01 {
		t.Errorf("16 even values tell %v bits of themselves", v)
	}
	if v := Mutual(a, b); math.Abs(v) > 0.003 {
		t.Errorf("unrelated values tell %v bits", v)
	}
	about(t, "of a constant", Mutual(a, make([]int, len(a))), 0)
}

func TestAccuracyKnown(t *testing.T) {
	s := Scored{Set: Set{Y: []int{0, 1, 2, 2}, Classes: 3}}
	s.Scores = [][]float64{{.5, .3, .2}, {.1, .2, .7}, {0, 0, 1}, {.4, .3, .3}}
	accuracy, majority := s.Accuracy()
	about(t, "accuracy", accuracy, 0.5)
	about(t, "majority", majority, 0.5)
}

func TestCutKnown(t *testing.T) {
	binned := func(col []float64, limit int) (cuts, []int) {
		var s Set
		for _, v := range col {
			s.X = append(s.X, []float64{v})
		}
		t, rows := s.shared()
		ranked := t.columns()[0]
		c, bin := ranked.cut(rows, limit)
		var of []int
		for _, code := range ranked.code {
			of = append(of, int(bin[code]))
		}
		return c, of
	}
	c, bins := binned([]float64{3, 1, 2, 2, 3}, 8)
	if !slices.Equal(bins, []int{2, 0, 1, 1, 2}) {
		t.Errorf("bins are %v", bins)
	}
	if !slices.Equal(c, cuts{1.5, 2.5}) {
		t.Errorf("cuts are %v", c)
	}
	if a, b := 1.0, math.Nextafter(1, 2); between(a, b) >= b {
		t.Error("neighbours are not told apart")
	}
	r := random(3, 0)
	col := make([]float64, 1000)
	for i := range col {
		col[i] = r.NormFloat64()
	}
	c, bins = binned(col, 10)
	count := make([]int, 10)
	for i, b := range bins {
		count[b]++
		if first, _ := slices.BinarySearch(c, col[i]); first != b {
			t.Fatalf("%v lies in bin %d, by its cuts in %d", col[i], b, first)
		}
	}
	for b, n := range count {
		if n < 90 || n > 110 {
			t.Errorf("bin %d holds %d of 1000", b, n)
		}
	}
}
