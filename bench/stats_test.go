package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
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

// interval is the 95 % percentile bootstrap interval of the median (Efron
// 1979), 10,000 resamples drawn with a fixed seed so that a run can be redone.
func interval(x []float64) (lo, hi float64) {
	r := rand.New(rand.NewPCG(1, 2))
	medians := make([]float64, 10_000)
	sample := make([]float64, len(x))
	for i := range medians {
		for j := range sample {
			sample[j] = x[r.IntN(len(x))]
		}
		medians[i] = median(sample)
	}
	slices.Sort(medians)
	return medians[250], medians[9749]
}

func seconds(d []time.Duration) []float64 {
	s := make([]float64, len(d))
	for i, x := range d {
		s[i] = x.Seconds()
	}
	return s
}

func spread(x []float64, unit string) string {
	lo, hi := interval(x)
	return fmt.Sprintf("%.4g %s (95 %% %.4g to %.4g, n=%d)", median(x), unit, lo, hi, len(x))
}
