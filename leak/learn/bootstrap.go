package learn

import (
	"math"
	"slices"
)

// Interval holds with 95 % confidence from both sides; Upper alone holds with
// 95 % from above.
type Interval struct{ Low, High, Upper float64 }

// Bootstrap draws prompts, not traces, again and again, those of each label among
// themselves, and asks for the statistic each time with the weights that the
// draw gives to the rows.
//
// Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics
// 7 (1979); Field and Welsh, "Bootstrapping clustered data", Journal of the Royal
// Statistical Society B 69 (2007).
func Bootstrap(s Set, draws int, seed uint64, statistic func(weight []float64) float64) Interval {
	member := make(map[int][]int)
	byLabel := make([][]int, s.Classes)
	for i, g := range s.Group {
		if member[g] == nil {
			byLabel[s.Y[i]] = append(byLabel[s.Y[i]], g)
		}
		member[g] = append(member[g], i)
	}
	r := random(seed, 3)
	weight := make([]float64, len(s.Y))
	seen := make([]float64, 0, draws)
	for range draws {
		clear(weight)
		for _, groups := range byLabel {
			for range groups {
				for _, i := range member[groups[r.IntN(len(groups))]] {
					weight[i]++
				}
			}
		}
		// A draw without anything to compare says nothing either way.
		if v := statistic(weight); !math.IsNaN(v) {
			seen = append(seen, v)
		}
	}
	if len(seen) == 0 {
		return Interval{math.NaN(), math.NaN(), math.NaN()}
	}
	slices.Sort(seen)
	return Interval{Quantile(seen, 0.025), Quantile(seen, 0.975), Quantile(seen, 0.95)}
}

// Quantile of sorted values, straight between neighbours (type 7 of Hyndman and
// Fan, "Sample quantiles in statistical packages", American Statistician 50, 1996).
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	low := int(at)
	if low+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}
