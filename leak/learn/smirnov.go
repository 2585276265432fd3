package learn

import (
	"math"
	"slices"
)

// exactPairs bounds the work of the exact distribution: above it the limit is
// close enough.
const exactPairs = 4_000_000

// Smirnov compares two samples: the largest distance between their distribution
// functions, and how likely chance makes it at least as large. Exact where the
// samples are small and without ties; with ties the p-value is on the safe side.
//
// Smirnov, "Table for estimating the goodness of fit of empirical distributions",
// Annals of Mathematical Statistics 19 (1948); Hodges, "The significance
// probability of the Smirnov two-sample test", Arkiv för Matematik 3 (1958).
func Smirnov(a, b []float64) (distance, p float64) {
	n, m := len(a), len(b)
	if n == 0 || m == 0 {
		return math.NaN(), math.NaN()
	}
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	largest := 0 // in units of 1/(n*m)
	for i, j := 0, 0; i < n && j < m; {
		at := min(a[i], b[j])
		for i < n && a[i] == at {
			i++
		}
		for j < m && b[j] == at {
			j++
		}
		largest = max(largest, abs(i*m-j*n))
	}
	distance = float64(largest) / float64(n) / float64(m)
	if n*m <= exactPairs {
		return distance, reach(n, m, largest)
	}
	root := math.Sqrt(float64(n) * float64(m) / float64(n+m))
	return distance, kolmogorov(root * distance)
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}

// reach is the chance that a random order of n and m values gets at least far
// from the diagonal: one less the chance of a walk that stays nearer all along.
func reach(n, m, far int) float64 {
	stay := make([]float64, m+1)
	for i := range n + 1 {
		for j := range m + 1 {
			var p float64
			if i == 0 && j == 0 {
				p = 1
			}
			left := float64(n + m - i - j + 1) // values left before this step
			if i > 0 {
				p += stay[j] * float64(n-i+1) / left
			}
			if j > 0 {
				p += stay[j-1] * float64(m-j+1) / left
			}
			if abs(i*m-j*n) >= far {
				p = 0
			}
			stay[j] = p
		}
	}
	return min(1, max(0, 1-stay[m]))
}

// kolmogorov is the chance that a Brownian bridge gets at least x away from zero.
func kolmogorov(x float64) (p float64) {
	if x < 0.2 {
		return 1 // to fifteen digits
	}
	for k, sign := 1.0, 2.0; k < 101; k, sign = k+1, -sign {
		p += sign * math.Exp(-2*k*k*x*x)
	}
	return min(1, max(0, p))
}

// Uniform compares a sample with the uniform distribution from 0 to 1. The
// p-value is the limit's, corrected as in Stephens, "EDF statistics for goodness
// of fit and some comparisons", Journal of the American Statistical Association
// 69 (1974).
func Uniform(v []float64) (distance, p float64) {
	if len(v) == 0 {
		return math.NaN(), math.NaN()
	}
	v = slices.Clone(v)
	slices.Sort(v)
	n := float64(len(v))
	for i, x := range v {
		distance = max(distance, float64(i+1)/n-x, x-float64(i)/n)
	}
	root := math.Sqrt(n)
	return distance, kolmogorov((root + 0.12 + 0.11/root) * distance)
}
