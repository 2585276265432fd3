package learn

import (
	"math"
	"math/rand/v2"
)

// Forest is extremely randomised trees: cuts are drawn, not searched, and every
// tree sees every row. The zero value of a field means its default.
//
// Geurts, Ernst and Wehenkel, "Extremely randomized trees", Machine Learning 63
// (2006).
type Forest struct {
	Trees   int // 200
	MinLeaf int // 1
	Columns int // tried at each node; the root of their number
}

// forest is the model. Leaves hold shares of classes in a flat list.
type forest struct {
	trees   []*node
	shares  [][]float64 // by a leaf's value
	classes int
}

func (m *forest) Scores(row []float64) []float64 {
	sum := make([]float64, m.classes)
	for _, t := range m.trees {
		for k, v := range m.shares[int(t.at(row))] {
			sum[k] += v
		}
	}
	for k := range sum {
		sum[k] /= float64(len(m.trees))
	}
	return sum
}

// Fit learns.
func (f Forest) Fit(s Set, seed uint64) Model {
	if f.Trees <= 0 {
		f.Trees = 200
	}
	f.MinLeaf = max(f.MinLeaf, 1)
	cols := columns(s.X)
	if f.Columns <= 0 {
		f.Columns = max(1, int(math.Sqrt(float64(len(cols)))))
	}
	p := &planter{Forest: f, cols: cols, y: s.Y, forest: &forest{classes: s.Classes}}
	for t := range f.Trees {
		p.r = random(seed, uint64(t)+1)
		p.order = p.r.Perm(len(cols))
		rows := make([]int, len(s.Y))
		for i := range rows {
			rows[i] = i
		}
		p.trees = append(p.trees, p.plant(rows))
	}
	return p.forest
}

// planter grows the trees of one forest.
type planter struct {
	Forest
	*forest
	cols  [][]float64
	y     []int
	order []int
	r     *rand.Rand
}

func (p *planter) plant(rows []int) *node {
	count := p.count(rows)
	if len(rows) < 2*p.MinLeaf || pure(count) {
		return p.leaf(count, len(rows))
	}
	column, limit, found := p.draw(rows, count)
	if !found {
		return p.leaf(count, len(rows))
	}
	// Partition in place: rows belongs to this branch alone.
	col, left := p.cols[column], 0
	for i, row := range rows {
		if col[row] <= limit {
			rows[left], rows[i] = rows[i], rows[left]
			left++
		}
	}
	return &node{column: column, limit: limit, left: p.plant(rows[:left]), right: p.plant(rows[left:])}
}

// draw tries columns, each with one cut between the smallest and the largest
// value, and keeps the one that leaves the least impurity.
func (p *planter) draw(rows, count []int) (column int, limit float64, found bool) {
	best := math.Inf(-1)
	for tried, k := 0, 0; k < len(p.order) && tried < p.Columns; k++ {
		// The drawn part of the order stands in front, the rest behind.
		other := k + p.r.IntN(len(p.order)-k)
		p.order[k], p.order[other] = p.order[other], p.order[k]
		j := p.order[k]
		col := p.cols[j]
		low, high := col[rows[0]], col[rows[0]]
		for _, i := range rows[1:] {
			low, high = min(low, col[i]), max(high, col[i])
		}
		if low == high {
			continue
		}
		tried++
		at := low + p.r.Float64()*(high-low)
		if at >= high {
			at = low
		}
		left, n := make([]int, p.classes), 0
		for _, i := range rows {
			if col[i] <= at {
				left[p.y[i]]++
				n++
			}
		}
		if n < p.MinLeaf || len(rows)-n < p.MinLeaf {
			continue
		}
		if g := agreement(left, count, n, len(rows)-n); g > best {
			best, column, limit, found = g, j, at, true
		}
	}
	return column, limit, found
}

// agreement is, up to a constant, how much Gini impurity a cut takes away.
func agreement(left, all []int, nl, nr int) (sum float64) {
	for k, l := range left {
		r := all[k] - l
		sum += float64(l*l)/float64(nl) + float64(r*r)/float64(nr)
	}
	return sum
}

func (p *planter) count(rows []int) []int {
	count := make([]int, p.classes)
	for _, i := range rows {
		count[p.y[i]]++
	}
	return count
}

func pure(count []int) bool {
	kinds := 0
	for _, c := range count {
		if c > 0 {
			kinds++
		}
	}
	return kinds < 2
}

func (p *planter) leaf(count []int, n int) *node {
	share := make([]float64, p.classes)
	for k, c := range count {
		share[k] = float64(c) / float64(n)
	}
	p.shares = append(p.shares, share)
	return &node{value: float64(len(p.shares) - 1)}
}
