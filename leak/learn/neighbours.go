package learn

import (
	"math"
	"slices"
)

// Neighbours asks the K nearest rows, nearer ones with more weight. Columns count
// by how many standard deviations two rows are apart.
//
// Cover and Hart, "Nearest neighbor pattern classification", IEEE Transactions on
// Information Theory 13 (1967); Dudani, "The distance-weighted k-nearest-neighbor
// rule", IEEE Transactions on Systems, Man and Cybernetics 6 (1976). On cumulative
// curves: Panchenko et al., "Website fingerprinting at Internet scale", NDSS 2016.
type Neighbours struct {
	K int // 15
}

type neighbours struct {
	k, classes   int
	centre, unit []float64
	rows         [][]float64
	y            []int
}

// Fit keeps the rows.
func (n Neighbours) Fit(s Set, _ uint64) Model {
	if n.K <= 0 {
		n.K = 15
	}
	m := &neighbours{k: min(n.K, len(s.X)), classes: s.Classes, y: s.Y}
	for _, col := range columns(s.X) {
		mean, sd := spread(col)
		if sd == 0 {
			sd = math.Inf(1) // a constant column says nothing, a stranger in it neither
		}
		m.centre, m.unit = append(m.centre, mean), append(m.unit, sd)
	}
	for _, row := range s.X {
		m.rows = append(m.rows, m.scale(row))
	}
	return m
}

func (m *neighbours) scale(row []float64) []float64 {
	z := make([]float64, len(row))
	for j, v := range row {
		z[j] = (v - m.centre[j]) / m.unit[j]
	}
	return z
}

// spread is mean and standard deviation.
func spread(v []float64) (mean, sd float64) {
	for _, x := range v {
		mean += x
	}
	mean /= float64(len(v))
	for _, x := range v {
		sd += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(sd / float64(len(v)))
}

// near is one neighbour.
type near struct {
	d float64
	i int
}

func (m *neighbours) Scores(row []float64) []float64 {
	z := m.scale(row)
	found := make([]near, 0, m.k+1)
	for i, r := range m.rows {
		far := math.Inf(1)
		if len(found) == m.k {
			far = found[m.k-1].d
		}
		var d float64
		for j := 0; j < len(z) && d < far; j++ {
			d += (z[j] - r[j]) * (z[j] - r[j])
		}
		if d >= far {
			continue
		}
		found = nearer(found, near{d, i}, m.k)
	}
	return m.vote(found)
}

// nearer puts a neighbour among the k nearest, the nearest first.
func nearer(found []near, n near, k int) []near {
	at, _ := slices.BinarySearchFunc(found, n.d, func(n near, d float64) int {
		if n.d <= d { // of rows equally far the earlier one stays in front
			return -1
		}
		return 1
	})
	found = slices.Insert(found, at, n)
	return found[:min(k, len(found))]
}

// vote weighs each neighbour by the inverse of its distance; rows that are the
// same as the one asked about outvote all others.
func (m *neighbours) vote(found []near) []float64 {
	score, sum := make([]float64, m.classes), 0.0
	same := found[0].d == 0
	for _, n := range found {
		w := 1.0
		if same && n.d > 0 {
			break
		}
		if !same {
			w = 1 / math.Sqrt(n.d)
		}
		score[m.y[n.i]] += w
		sum += w
	}
	for k := range score {
		score[k] /= sum
	}
	return score
}
