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
	return Bootstraps(s, draws, seed, statistic)[0]
}

// Bootstraps asks for several statistics of the same draws.
func Bootstraps(s Set, draws int, seed uint64, statistics ...func(weight []float64) float64) (within []Interval) {
	member := make(map[int][]int)
	byLabel := make([][][]int, s.Classes) // the rows of each prompt
	for i, g := range s.Group {
		member[g] = append(member[g], i)
	}
	for i, g := range s.Group {
		if member[g][0] == i {
			byLabel[s.Y[i]] = append(byLabel[s.Y[i]], member[g])
		}
	}
	r := random(seed, 3)
	weight := make([]float64, len(s.Y))
	seen := make([][]float64, len(statistics))
	for range draws {
		clear(weight)
		for _, groups := range byLabel {
			for range groups {
				for _, i := range groups[r.IntN(len(groups))] {
					weight[i]++
				}
			}
		}
		for k, statistic := range statistics {
			// A draw without anything to compare says nothing either way.
			if v := statistic(weight); !math.IsNaN(v) {
				seen[k] = append(seen[k], v)
			}
		}
	}
	for _, v := range seen {
		if len(v) == 0 {
			within = append(within, Interval{math.NaN(), math.NaN(), math.NaN()})
			continue
		}
		slices.Sort(v)
		within = append(within, Interval{Quantile(v, 0.025), Quantile(v, 0.975), Quantile(v, 0.95)})
	}
	return within
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
