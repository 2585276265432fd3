package eval

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
)

func mean(list []float64) (sum float64) {
	for _, x := range list {
		sum += x
	}
	return sum / float64(max(1, len(list)))
}

const samples = 10_000

// interval is in what 95 of 100 samples of the questions find what f makes of one.
func interval(n int, f func(i int) float64) (low, high float64) {
	if n == 0 {
		return 0, 0
	}
	r := rand.New(rand.NewPCG(1, 1))
	means := make([]float64, samples)
	for k := range means {
		for range n {
			means[k] += f(r.IntN(n)) / float64(n)
		}
	}
	slices.SortFunc(means, cmp.Compare)
	return means[samples*25/1000], means[samples*975/1000]
}

// share is a mean with its interval.
func share(list []float64) string {
	low, high := interval(len(list), func(i int) float64 { return list[i] })
	return fmt.Sprintf("%.3f (%.3f to %.3f)", mean(list), low, high)
}

// paired is how much a is above b, question by question.
func paired(a, b []float64) string {
	low, high := interval(len(a), func(i int) float64 { return a[i] - b[i] })
	return fmt.Sprintf("%+.4f (95 %%: %+.4f to %+.4f)", mean(a)-mean(b), low, high)
}

func one(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
