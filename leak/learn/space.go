package learn

import (
	"math"
	"runtime"
	"slices"
	"sync"
)

// space is where rows lie, and how far from each other. It knows no labels.
type space struct {
	scaled
	rows [][]float64 // scaled
	// from measures from a place to a row; from far on any distance will do.
	from func(z []float64) func(row int, far float64) float64
	near func() [][]near // of each row the others, the nearest first, as many as seldom run out
}

// scaled says where the middle of each column is and how wide it is spread.
type scaled struct{ centre, unit []float64 }

// spread sets columns by what is in them. One that is always the same says
// nothing, a stranger in it neither.
func (m *scaled) spread(from, to int, values []float64) {
	mean, sd := spread(values)
	if sd == 0 {
		sd = math.Inf(1)
	}
	for j := from; j < to; j++ {
		m.centre[j], m.unit[j] = mean, sd
	}
}

func (m *scaled) scale(row []float64) []float64 {
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

// fill puts rows into the space.
func (sp *space) fill(x [][]float64) {
	for _, row := range x {
		sp.rows = append(sp.rows, sp.scale(row))
	}
	sp.near = sync.OnceValue(sp.surround)
}

// surrounding is how many neighbours of each row are kept: enough that some few
// are left when those of its own part are taken away.
const surrounding = 80

// surround finds the neighbours of all rows.
func (sp *space) surround() [][]near {
	out := make([][]near, len(sp.rows))
	var work sync.WaitGroup
	threads := runtime.GOMAXPROCS(0)
	for first := range threads {
		work.Go(func() {
			for i := first; i < len(out); i += threads {
				out[i] = sp.search(sp.rows[i], surrounding, func(other int) bool { return other != i })
			}
		})
	}
	work.Wait()
	return out
}

// search looks at every row that counts.
func (sp *space) search(z []float64, k int, counts func(row int) bool) []near {
	found := make([]near, 0, k+1)
	apart := sp.from(z)
	for i := range sp.rows {
		if !counts(i) {
			continue
		}
		far := math.Inf(1)
		if len(found) == k {
			far = found[k-1].d
		}
		if d := apart(i, far); d < far {
			found = nearer(found, near{d, i}, k)
		}
	}
	return found
}

// near is one neighbour.
type near struct {
	d float64
	i int
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

// voters are the rows of a space that have labels.
type voters struct {
	*space
	k, classes int
	label      []int32 // by the space's rows; stranger where it is not known
}

const stranger = -1

func (sp *space) voters(k int, s Set, known []int) *voters {
	if k <= 0 {
		k = 15
	}
	m := &voters{space: sp, k: min(k, len(known)), classes: s.Classes, label: make([]int32, len(sp.rows))}
	for i := range m.label {
		m.label[i] = stranger
	}
	for i, row := range known {
		m.label[row] = int32(s.Y[i])
	}
	return m
}

func (m *voters) knows(row int) bool { return m.label[row] != stranger }

func (m *voters) Scores(row []float64) []float64 { return m.vote(m.search(m.scale(row), m.k, m.knows)) }

func (m *voters) scoresOf(row int) []float64 {
	found := make([]near, 0, m.k)
	for _, n := range m.near()[row] {
		if m.knows(n.i) {
			if found = append(found, n); len(found) == m.k {
				return m.vote(found)
			}
		}
	}
	return m.vote(m.search(m.rows[row], m.k, m.knows))
}

// vote weighs each neighbour by the inverse of its distance; rows that are the
// same as the one asked about outvote all others.
func (m *voters) vote(found []near) []float64 {
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
		score[m.label[n.i]] += w
		sum += w
	}
	for k := range score {
		score[k] /= sum
	}
	return score
}
