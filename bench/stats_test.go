package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// median of a non-empty sample.
func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}

// quantile of a non-empty sample: the smallest that a share q does not pass.
func quantile(x []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return s[min(max(int(math.Ceil(q*float64(len(s))))-1, 0), len(s)-1)]
}

// interval is the 95 % percentile bootstrap interval of the median (Efron
// 1979), 10,000 resamples drawn with a fixed seed so that a run can be redone.
func interval(x []float64) (lo, hi float64) { return intervalOf(x, median) }

// intervalOf is the same of another figure.
func intervalOf(x []float64, figure func([]float64) float64) (lo, hi float64) {
	r := rand.New(rand.NewPCG(1, 2))
	figures := make([]float64, 10_000)
	sample := make([]float64, len(x))
	for i := range figures {
		for j := range sample {
			sample[j] = x[r.IntN(len(x))]
		}
		figures[i] = figure(sample)
	}
	slices.Sort(figures)
	return figures[250], figures[9749]
}

func spread(x []float64, unit string) string {
	lo, hi := interval(x)
	return fmt.Sprintf("%.4g %s (95 %% %.4g to %.4g, n=%d)", median(x), unit, lo, hi, len(x))
}

// ratios divides pair by pair.
func ratios(x, y []float64) []float64 {
	r := make([]float64, len(x))
	for i := range x {
		r[i] = x[i] / y[i]
	}
	return r
}

// less subtracts pair by pair.
func less(x, y []float64) []float64 {
	r := make([]float64, len(x))
	for i := range x {
		r[i] = x[i] - y[i]
	}
	return r
}

// rounds is n, or a few with -short: to see that everything runs, not to measure.
func rounds(n int) int {
	if testing.Short() {
		return max(2, n/10)
	}
	return n
}

// length is of an answer, in tokens; likewise.
func length(n int) int {
	if testing.Short() {
		return 16
	}
	return n
}
