package learn

import (
	"runtime"
	"slices"
	"sync"
)

// Shuffle gives the labels of prompts to other prompts. Traces of one prompt
// keep one label: mixing them would make chance look narrower than it is.
func Shuffle(s Set, seed uint64) Set {
	label := make(map[int]int)
	var groups []int
	for i, g := range s.Group {
		if _, known := label[g]; !known {
			groups = append(groups, g)
		}
		label[g] = s.Y[i]
	}
	to := slices.Clone(groups)
	random(seed, 4).Shuffle(len(to), func(a, b int) { to[a], to[b] = to[b], to[a] })
	given := make(map[int]int)
	for i, g := range groups {
		given[g] = label[to[i]]
	}
	s.Y = slices.Clone(s.Y)
	for i, g := range s.Group {
		s.Y[i] = given[g]
	}
	return s
}

// Null is what the pipeline says where there is nothing to find: it is redone
// whole, from dealing folds to the last number, on times sets with shuffled
// labels. The order and the values do not depend on the number of processors.
func Null(s Set, times int, seed uint64, pipeline func(s Set, seed uint64) float64) []float64 {
	out := make([]float64, times)
	next := make(chan int)
	var work sync.WaitGroup
	for range min(times, runtime.GOMAXPROCS(0)) {
		work.Go(func() {
			for i := range next {
				own := seed + uint64(i)*1_000_003
				out[i] = pipeline(Shuffle(s, own), own)
			}
		})
	}
	for i := range times {
		next <- i
	}
	close(next)
	work.Wait()
	return out
}

// PValue is how often chance does at least as well as what was seen. What was
// seen counts as one of the draws, so it is never zero.
//
// Phipson and Smyth, "Permutation p-values should never be zero", Statistical
// Applications in Genetics and Molecular Biology 9 (2010).
func PValue(seen float64, null []float64) float64 {
	as := 1
	for _, v := range null {
		if !(v < seen) { // what is not a number speaks for chance
			as++
		}
	}
	return float64(as) / float64(len(null)+1)
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
