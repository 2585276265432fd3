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
	shares  []float64 // of all classes, one leaf after the other; a leaf's value says which
	classes int
}

func (m *forest) Scores(row []float64) []float64 {
	sum := make([]float64, m.classes)
	for _, t := range m.trees {
		from := int(t.at(row)) * m.classes
		for k, v := range m.shares[from : from+m.classes] {
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
	t, known := s.shared()
	cols := t.columns()
	if f.Columns <= 0 {
		f.Columns = max(1, int(math.Sqrt(float64(len(cols)))))
	}
	p := &planter{
		Forest: f, forest: &forest{classes: s.Classes}, cols: cols, packed: make([][]int32, len(cols)),
		all: make([]int, s.Classes), left: make([]int, s.Classes), y: s.Y,
	}
	for j, col := range cols {
		if len(col.values) == 1 {
			continue
		}
		p.packed[j] = make([]int32, len(known))
		for i, row := range known {
			p.packed[j][i] = col.code[row]<<1 | int32(s.Y[i])&1
		}
	}
	rows := make([]int32, len(known))
	for tree := range f.Trees {
		p.r = random(seed, uint64(tree)+1)
		p.order = p.r.Perm(len(cols))
		for i := range rows {
			rows[i] = int32(i)
		}
		p.trees = append(p.trees, p.plant(rows))
	}
	return p.forest
}

// planter grows the trees of one forest.
type planter struct {
	Forest
	*forest
	cols      []column
	packed    [][]int32 // of each column that has more than one value: each row's code, and in its last bit whether its class is odd
	y         []int
	order     []int
	all, left []int // by class: of a node's rows, and of those below a cut
	nodes     []node
	r         *rand.Rand
}

// node is a new one. They are made many at a time.
func (p *planter) node() *node {
	if len(p.nodes) == 0 {
		p.nodes = make([]node, 256)
	}
	n := &p.nodes[0]
	p.nodes = p.nodes[1:]
	return n
}

func (p *planter) plant(rows []int32) *node {
	clear(p.all)
	for _, i := range rows {
		p.all[p.y[i]]++
	}
	if len(rows) < 2*p.MinLeaf || pure(p.all) {
		return p.leaf(len(rows))
	}
	n := p.node()
	found := false
	var last int32
	if n.column, n.limit, last, found = p.draw(rows); !found {
		return p.leaf(len(rows))
	}
	// Partition in place: rows belongs to this branch alone.
	packed, border, left := p.packed[n.column], last<<1|1, 0
	for i, row := range rows {
		if packed[row] <= border {
			rows[left], rows[i] = rows[i], rows[left]
			left++
		}
	}
	n.left, n.right = p.plant(rows[:left]), p.plant(rows[left:])
	return n
}

// draw tries columns, each with one cut between the smallest and the largest
// value, and keeps the one that leaves the least impurity. last is the code of the
// last value below it.
func (p *planter) draw(rows []int32) (column int, limit float64, last int32, found bool) {
	best := math.Inf(-1)
	for tried, k := 0, 0; k < len(p.order) && tried < p.Columns; k++ {
		// The drawn part of the order stands in front, the rest behind.
		other := k + p.r.IntN(len(p.order)-k)
		p.order[k], p.order[other] = p.order[other], p.order[k]
		j := p.order[k]
		packed := p.packed[j]
		if packed == nil {
			continue
		}
		first, end := extent(packed, rows)
		if first == end {
			continue
		}
		tried++
		values := p.cols[j].values[first : end+1]
		low, high := values[0], values[len(values)-1]
		at := low + p.r.Float64()*(high-low)
		if at >= high {
			at = low
		}
		below := first + upTo(values, at)
		n := p.below(packed, rows, below)
		if n < p.MinLeaf || len(rows)-n < p.MinLeaf {
			continue
		}
		if g := agreement(p.left, p.all, n, len(rows)-n); g > best {
			best, column, limit, last, found = g, j, at, below, true
		}
	}
	return column, limit, last, found
}

// extent is the smallest and the largest code of some rows.
func extent(packed, rows []int32) (first, last int32) {
	first, last = packed[rows[0]], packed[rows[0]]
	for _, i := range rows[1:] {
		c := packed[i]
		first, last = min(first, c), max(last, c)
	}
	return first >> 1, last >> 1
}

// below counts the rows up to a code, by class into left. Where there are two
// classes nothing depends on a branch that no processor could guess.
func (p *planter) below(packed, rows []int32, last int32) int {
	border := last<<1 | 1
	if p.classes != 2 {
		clear(p.left)
		n := 0
		for _, i := range rows {
			if packed[i] <= border {
				p.left[p.y[i]]++
				n++
			}
		}
		return n
	}
	var all, ones int32
	for _, i := range rows {
		c := packed[i]
		is := int32(uint32(c-border-1) >> 31) // 1 where the code is not above last
		all += is
		ones += is & c
	}
	p.left[0], p.left[1] = int(all-ones), int(ones)
	return int(all)
}

// agreement is, up to a constant, how much Gini impurity a cut takes away.
func agreement(left, all []int, nl, nr int) (sum float64) {
	for k, l := range left {
		r := all[k] - l
		sum += float64(l*l)/float64(nl) + float64(r*r)/float64(nr)
	}
	return sum
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

func (p *planter) leaf(n int) *node {
	leaf := p.node()
	leaf.value = float64(len(p.shares) / p.classes)
	for _, c := range p.all {
		p.shares = append(p.shares, float64(c)/float64(n))
	}
	return leaf
}
