package engine

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// auc is how well times tell right guesses from wrong ones: the share of pairs in
// which the right one is faster, ties counting half, and its bounds at 95 %, by the
// variance of DeLong. 0.5 is no better than chance.
func auc(right, wrong []float64) (area, low, high float64) {
	// How many of sorted are above v, ties counting half.
	above := func(sorted []float64, v float64) float64 {
		lo, _ := slices.BinarySearch(sorted, v)
		hi, _ := slices.BinarySearchFunc(sorted, v, func(x, v float64) int {
			if x <= v {
				return -1
			}
			return 1
		})
		return float64(len(sorted)-hi) + float64(hi-lo)/2
	}
	r, w := slices.Sorted(slices.Values(right)), slices.Sorted(slices.Values(wrong))
	n, m := float64(len(r)), float64(len(w))
	var ofRight, ofWrong []float64
	for _, v := range r {
		ofRight = append(ofRight, above(w, v)/m)
	}
	for _, v := range w {
		ofWrong = append(ofWrong, (n-above(r, v))/n)
	}
	area, varRight := spreadOf(ofRight)
	_, varWrong := spreadOf(ofWrong)
	e := 1.96 * math.Sqrt(varRight/n+varWrong/m)
	return area, area - e, area + e
}

func spreadOf(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / float64(len(x)-1)
	}
	return mean, variance
}

// faster is the one-sided test of Kolmogorov and Smirnov: how likely right guesses
// are as much faster as seen, or more, if there is no difference.
func faster(right, wrong []float64) (p float64) {
	r, w := slices.Sorted(slices.Values(right)), slices.Sorted(slices.Values(wrong))
	d, i, j := 0.0, 0, 0
	for i < len(r) {
		v := r[i]
		for i < len(r) && r[i] == v {
			i++
		}
		for j < len(w) && w[j] <= v {
			j++
		}
		d = max(d, float64(i)/float64(len(r))-float64(j)/float64(len(w)))
	}
	n, m := float64(len(r)), float64(len(w))
	return math.Exp(-2 * d * d * n * m / (n + m))
}

// holm corrects for so many tests at once.
func holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	corrected, most := make([]float64, len(p)), 0.0
	for rank, i := range order {
		most = max(most, min(1, p[i]*float64(len(p)-rank)))
		corrected[i] = most
	}
	return corrected
}

// What tells and what does not is known for made-up times.
func TestGuessingIsMeasured(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	times := func(n int, mean float64) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = mean + random.NormFloat64()
		}
		return x
	}
	within := 0
	for range 200 {
		right, wrong := times(200, 5), times(200, 5)
		if _, low, high := auc(right, wrong); low <= 0.5 && high >= 0.5 {
			within++
		}
	}
	if within < 180 || within == 200 {
		t.Errorf("of 200 bounds at 95 %% %d hold", within)
	}
	right, wrong := times(400, 5), times(400, 6) // AUC is that of one standard deviation: 0.760
	if a, low, high := auc(right, wrong); math.Abs(a-0.76) > 0.05 || low < 0.7 || high > 0.83 {
		t.Errorf("%.3f [%.3f, %.3f]", a, low, high)
	}
	if p, q, same := faster(right, wrong), faster(wrong, right), faster(right, right); p > 1e-9 || q < 0.5 || same != 1 {
		t.Errorf("p %g, the other way %g, the same %g", p, q, same)
	}
	if a, low, high := auc([]float64{1, 1, 1}, []float64{1, 1, 1}); a != 0.5 || low != 0.5 || high != 0.5 {
		t.Errorf("ties: %g %g %g", a, low, high)
	}
	if got := holm([]float64{0.01, 0.04, 0.03}); !slices.EqualFunc(got, []float64{0.03, 0.06, 0.06}, func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }) {
		t.Errorf("%v", got)
	}
}
