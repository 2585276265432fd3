package learn

import (
	"math"
)

// Amounts is data whose truth is a number instead of a label.
type Amounts struct {
	X     [][]float64
	Y     []float64
	Group []int
}

// Guess is extremely randomised trees that guess a number: the mean over the
// leaves a row falls into.
//
// Geurts, Ernst and Wehenkel, "Extremely randomized trees", Machine Learning 63
// (2006).
type Guess struct {
	Trees   int // 100
	MinLeaf int // 5
}

// guesser grows the trees.
type guesser struct {
	Guess
	cols [][]float64
	y    []float64
	seed uint64
}

func (g Guess) fit(x [][]float64, y []float64, seed uint64) []*node {
	if g.Trees <= 0 {
		g.Trees = 100
	}
	if g.MinLeaf <= 0 {
		g.MinLeaf = 5
	}
	p := guesser{g, columns(x), y, seed}
	var trees []*node
	for t := range g.Trees {
		rows := make([]int, len(y))
		for i := range rows {
			rows[i] = i
		}
		trees = append(trees, p.plant(rows, uint64(t)<<32+1))
	}
	return trees
}

// plant draws one cut in every column and keeps the one that leaves the least
// spread. at numbers the node, for its draws.
func (g guesser) plant(rows []int, at uint64) *node {
	var all float64
	for _, i := range rows {
		all += g.y[i]
	}
	leaf := &node{value: all / float64(len(rows))}
	if len(rows) < 2*g.MinLeaf {
		return leaf
	}
	r := random(g.seed, at)
	best, column, limit := 0.0, -1, 0.0
	for j, col := range g.cols {
		low, high := col[rows[0]], col[rows[0]]
		for _, i := range rows {
			low, high = min(low, col[i]), max(high, col[i])
		}
		cut := low + r.Float64()*(high-low)
		if low == high || cut >= high {
			continue
		}
		var left, n float64
		for _, i := range rows {
			if col[i] <= cut {
				left += g.y[i]
				n++
			}
		}
		rest := float64(len(rows)) - n
		if int(n) < g.MinLeaf || int(rest) < g.MinLeaf {
			continue
		}
		// What the cut explains of the sum of squares.
		gain := left*left/n + (all-left)*(all-left)/rest - all*all/float64(len(rows))
		if gain > best+1e-9 {
			best, column, limit = gain, j, cut
		}
	}
	if column < 0 {
		return leaf
	}
	left := 0
	for i, row := range rows {
		if g.cols[column][row] <= limit {
			rows[left], rows[i] = rows[i], rows[left]
			left++
		}
	}
	return &node{column: column, limit: limit, left: g.plant(rows[:left], 2*at), right: g.plant(rows[left:], 2*at+1)}
}

// Guessed are guesses about rows that were not learned from.
type Guessed struct {
	Amounts
	Said []float64
	Mean []float64 // what saying always the same would have said: the mean of the parts learned from
}

// Cross learns on k-1 parts and guesses the one left out, for each part.
func (g Guess) Cross(a Amounts, k int, seed uint64) Guessed {
	s := Set{Y: make([]int, len(a.Y)), Group: a.Group, Classes: 1}
	fold := Folds(s, k, seed)
	out := Guessed{Amounts: a, Said: make([]float64, len(a.Y)), Mean: make([]float64, len(a.Y))}
	for f := range k {
		var x [][]float64
		var y []float64
		sum := 0.0
		for i := range a.Y {
			if fold[i] != f {
				x, y = append(x, a.X[i]), append(y, a.Y[i])
				sum += a.Y[i]
			}
		}
		if len(y) == 0 {
			continue
		}
		trees := g.fit(x, y, seed+uint64(f))
		for i, row := range a.X {
			if fold[i] != f {
				continue
			}
			for _, t := range trees {
				out.Said[i] += t.at(row) / float64(len(trees))
			}
			out.Mean[i] = sum / float64(len(y))
		}
	}
	return out
}

// Explained is R², the share of what is not known without looking that the
// guesses explain: 1 for all, 0 for nothing, below 0 for guesses worse than none.
// weight counts rows, nil counts each once.
func (g Guessed) Explained(weight []float64) float64 {
	var left, all float64
	for i, y := range g.Y {
		w := weigh(weight, i)
		left += w * (y - g.Said[i]) * (y - g.Said[i])
		all += w * (y - g.Mean[i]) * (y - g.Mean[i])
	}
	if all == 0 {
		return math.NaN()
	}
	return 1 - left/all
}

// Mix gives the amounts of prompts to other prompts, as Shuffle does labels.
func (a Amounts) Mix(seed uint64) Amounts {
	a.Y = dealt(a.Y, a.Group, seed)
	return a
}
