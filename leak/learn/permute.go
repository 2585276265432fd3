package learn

import (
	"runtime"
	"slices"
	"sync"
)

// Shuffle gives the labels of prompts to other prompts. Traces of one prompt
// keep one label: mixing them would make chance look narrower than it is. Each
// label has as many traces as before, up to one prompt's.
func Shuffle(s Set, seed uint64) Set {
	y, uneven := portioned(s, seed)
	if !uneven {
		y = dealt(s.Y, s.Group, seed)
	}
	s.Y = y
	return s
}

// dealt gives what each group has to another group. All of a group have the same.
func dealt[T any](have []T, group []int, seed uint64) []T {
	of := make(map[int]T)
	var groups []int
	for i, g := range group {
		if _, known := of[g]; !known {
			groups = append(groups, g)
		}
		of[g] = have[i]
	}
	to := slices.Clone(groups)
	random(seed, 4).Shuffle(len(to), func(a, b int) { to[a], to[b] = to[b], to[a] })
	given := make(map[int]T)
	for i, g := range groups {
		given[g] = of[to[i]]
	}
	out := make([]T, len(have))
	for i, g := range group {
		out[i] = given[g]
	}
	return out
}

// Null is what the pipeline says where there is nothing to find: it is redone
// whole, from dealing folds to the last number, on sets with shuffled labels.
// The values and their number do not depend on the number of processors.
type Null struct {
	Times int // at most
	// Enough values at least as high as what was seen end the shuffling early:
	// chance is then known to do as well. 0: never.
	Enough int
	Seed   uint64
}

// Draw asks the pipeline about shuffled sets.
func (n Null) Draw(s Set, seen float64, pipeline func(s Set, seed uint64) float64) []float64 {
	out := make([]float64, 0, n.Times)
	high := 0
	for len(out) < n.Times {
		batch := make([]float64, min(runtime.GOMAXPROCS(0), n.Times-len(out)))
		var work sync.WaitGroup
		for i := range batch {
			seed := n.Seed + uint64(len(out)+i+1)*1_000_003
			work.Go(func() { batch[i] = pipeline(Shuffle(s, seed), seed) })
		}
		work.Wait()
		for _, v := range batch {
			out = append(out, v)
			if !(v < seen) {
				high++
			}
			if n.Enough > 0 && high >= n.Enough {
				return out
			}
		}
	}
	return out
}

// P is how often chance does at least as well as what was seen. Without an early
// end what was seen counts as one of the draws, so it is never zero.
//
// Phipson and Smyth, "Permutation p-values should never be zero", Statistical
// Applications in Genetics and Molecular Biology 9 (2010); Besag and Clifford,
// "Sequential Monte Carlo p-values", Biometrika 78 (1991), for the early end.
func (n Null) P(seen float64, null []float64) float64 {
	high := 0
	for _, v := range null {
		if !(v < seen) { // what is not a number speaks for chance
			high++
		}
	}
	if n.Enough > 0 && high >= n.Enough {
		return float64(high) / float64(len(null))
	}
	return float64(high+1) / float64(len(null)+1)
}

// Holm corrects p-values for there being many: any of them at or below a level
// may then be called significant at that level.
//
// Holm, "A simple sequentially rejective multiple test procedure", Scandinavian
// Journal of Statistics 6 (1979).
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	out := make([]float64, len(p))
	last := 0.0
	for rank, i := range order {
		last = max(last, min(1, p[i]*float64(len(p)-rank)))
		out[i] = last
	}
	return out
}
