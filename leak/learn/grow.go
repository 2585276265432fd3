package learn

import (
	"math/rand/v2"
	"slices"
)

// grower grows the trees of one boosting over the same binned columns.
type grower struct {
	Boost
	cuts       []cuts
	cols       [][]uint8 // nil where all rows have the same
	grad, hess []float64
}

// cell is what a histogram keeps of the rows in one bin.
type cell struct {
	g, h float64
	n    int
}

func (c *cell) add(d cell) { c.g += d.g; c.h += d.h; c.n += d.n }

// leaf is a node that may still be divided.
type leaf struct {
	at    *node
	rows  []int
	hist  []cell // columns times Bins
	total cell
	gain  float64
	bin   int // of at.column, the last one to the left
}

func newGrower(b Boost, s Set) *grower {
	g := &grower{Boost: b, grad: make([]float64, len(s.X)), hess: make([]float64, len(s.X))}
	t, rows := s.shared()
	for _, col := range t.columns() {
		c, bin := col.cut(rows, b.Bins)
		var binned []uint8
		if len(c) > 0 {
			binned = make([]uint8, len(rows))
			for i, row := range rows {
				binned[i] = bin[col.code[row]]
			}
		}
		g.cuts = append(g.cuts, c)
		g.cols = append(g.cols, binned)
	}
	return g
}

// grow makes one tree: always the leaf that gains most is divided next.
func (g *grower) grow(r *rand.Rand) *node {
	use := sample(r, len(g.cols), g.Columns)
	use = slices.DeleteFunc(use, func(j int) bool { return len(g.cuts[j]) == 0 })
	rows := make([]int, len(g.grad))
	for i := range rows {
		rows[i] = i
	}
	root := &leaf{at: &node{}, rows: rows}
	root.hist = g.histogram(rows, use)
	g.finish(root, use)
	open := []*leaf{root}
	for leaves := 1; leaves < g.Leaves; leaves++ {
		best := 0
		for i, l := range open {
			if l.gain > open[best].gain {
				best = i
			}
		}
		if len(open) == 0 || open[best].gain <= 0 {
			break
		}
		l := open[best]
		left, right := g.divide(l, use)
		open[best] = left
		open = append(open, right)
	}
	return root.at
}

// divide splits a leaf. Only the smaller side's histogram is counted: the other
// is what remains.
func (g *grower) divide(l *leaf, use []int) (left, right *leaf) {
	n := l.at
	col := g.cols[n.column]
	n.limit = g.cuts[n.column][l.bin]
	left, right = &leaf{at: &node{}}, &leaf{at: &node{}}
	for _, i := range l.rows {
		if int(col[i]) <= l.bin {
			left.rows = append(left.rows, i)
		} else {
			right.rows = append(right.rows, i)
		}
	}
	n.left, n.right = left.at, right.at
	small, large := left, right
	if len(small.rows) > len(large.rows) {
		small, large = large, small
	}
	small.hist, large.hist = g.histogram(small.rows, use), l.hist
	for i := range large.hist {
		c := small.hist[i]
		large.hist[i].add(cell{-c.g, -c.h, -c.n})
	}
	l.hist, l.rows = nil, nil
	g.finish(left, use)
	g.finish(right, use)
	return left, right
}

func (g *grower) histogram(rows, use []int) []cell {
	hist := make([]cell, len(use)*g.Bins)
	for u, j := range use {
		part, col := hist[u*g.Bins:(u+1)*g.Bins], g.cols[j]
		for _, i := range rows {
			c := &part[col[i]]
			c.g += g.grad[i]
			c.h += g.hess[i]
			c.n++
		}
	}
	return hist
}

// finish gives a leaf its value and finds how it would best be divided.
func (g *grower) finish(l *leaf, use []int) {
	l.total = cell{}
	for _, i := range l.rows {
		l.total.add(cell{g.grad[i], g.hess[i], 1})
	}
	if h := l.total.h + g.L2; h > 0 {
		l.at.value = -g.Rate * l.total.g / h
	}
	if l.total.n < 2*g.MinLeaf {
		return
	}
	whole := g.worth(l.total)
	for u, j := range use {
		var left cell
		part := l.hist[u*g.Bins : u*g.Bins+len(g.cuts[j])]
		for b, c := range part {
			left.add(c)
			right := l.total
			right.add(cell{-left.g, -left.h, -left.n})
			if left.n < g.MinLeaf || left.h < minHessian {
				continue
			}
			if right.n < g.MinLeaf || right.h < minHessian {
				break
			}
			// A gain within rounding of nothing would make trees differ between processors.
			if gain := g.worth(left) + g.worth(right) - whole; gain > l.gain+1e-9 {
				l.gain, l.bin, l.at.column = gain, b, j
			}
		}
	}
}

// worth is how much lower the loss gets by the best single step for these rows.
func (g *grower) worth(c cell) float64 { return c.g * c.g / (c.h + g.L2) }
