package learn

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Boost is gradient boosting of trees over histograms. The zero value of a field
// means its default.
//
// Friedman, "Greedy function approximation: a gradient boosting machine", Annals
// of Statistics 29 (2001); Ke et al., "LightGBM: a highly efficient gradient
// boosting decision tree", NIPS 2017, for histograms and growth by best leaf.
type Boost struct {
	Rounds   int     // 100
	Rate     float64 // 0.1
	Leaves   int     // 31
	MinLeaf  int     // 20
	Bins     int     // 64, at most 256
	L2       float64 // 0
	Columns  float64 // share of the columns drawn for each tree; 1
	Patience int     // rounds without gain on prompts held back, after which it stops; 0: never
}

const (
	minHessian = 1e-3 // of a leaf; below it a step would be a guess
	heldBack   = 6    // with Patience, one prompt in so many
)

func (b Boost) or() Boost {
	set := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	set(&b.Rounds, 100)
	set(&b.Leaves, 31)
	set(&b.MinLeaf, 20)
	set(&b.Bins, 64)
	b.Bins = min(b.Bins, 256)
	if b.Rate <= 0 {
		b.Rate = 0.1
	}
	if b.Columns <= 0 || b.Columns > 1 {
		b.Columns = 1
	}
	return b
}

// boosted is the model: in each round one tree for each output.
type boosted struct {
	start []float64
	trees [][]*node
}

// node is a leaf where left is nil.
type node struct {
	left, right *node
	column      int
	limit       float64 // to the left up to here
	value       float64
}

func (n *node) at(row []float64) float64 {
	for n.left != nil {
		if row[n.column] <= n.limit {
			n = n.left
		} else {
			n = n.right
		}
	}
	return n.value
}

// chances turns raw outputs into probabilities of the classes. A binary set has
// one output: the log-odds.
func chances(raw []float64) []float64 {
	if len(raw) == 1 {
		p := chance(raw[0])
		return []float64{1 - p, p}
	}
	p, sum, top := make([]float64, len(raw)), 0.0, slices.Max(raw)
	for k, v := range raw {
		p[k] = math.Exp(v - top)
		sum += p[k]
	}
	for k := range p {
		p[k] /= sum
	}
	return p
}

// chance is the probability that log-odds stand for.
func chance(odds float64) float64 { return 1 / (1 + math.Exp(-odds)) }

func (m *boosted) Scores(row []float64) []float64 {
	raw := slices.Clone(m.start)
	for _, round := range m.trees {
		for k, t := range round {
			raw[k] += t.at(row)
		}
	}
	return chances(raw)
}

// Fit learns. Classes that a training part happens to lack get a small chance.
func (b Boost) Fit(s Set, seed uint64) Model {
	b = b.or()
	if b.Patience > 0 {
		if train, held, ok := holdBack(s, seed); ok {
			return b.fit(train, held, seed)
		}
	}
	return b.fit(s, Set{}, seed)
}

func (b Boost) fit(s, held Set, seed uint64) *boosted {
	m := &boosted{start: prior(s)}
	g := newGrower(b, s)
	raw, heldRaw := repeat(m.start, len(s.X)), repeat(m.start, len(held.X))
	best, rounds := math.Inf(1), 0
	r := random(seed, 1)
	for len(m.trees) < b.Rounds {
		var p [][]float64
		if len(m.start) > 1 {
			p = make([][]float64, len(raw))
			for i := range raw {
				p[i] = chances(raw[i])
			}
		}
		round := make([]*node, len(m.start))
		for k := range round {
			class := k
			if len(round) == 1 {
				class = 1
			}
			for i, y := range s.Y {
				var q float64
				if p == nil {
					q = chance(raw[i][0])
				} else {
					q = p[i][class]
				}
				g.grad[i], g.hess[i] = q, q*(1-q)
				if y == class {
					g.grad[i]--
				}
			}
			round[k] = g.grow(r)
			for i, row := range s.X {
				raw[i][k] += round[k].at(row)
			}
			for i, row := range held.X {
				heldRaw[i][k] += round[k].at(row)
			}
		}
		m.trees = append(m.trees, round)
		if len(held.X) == 0 {
			continue
		}
		if l := loss(heldRaw, held.Y); l < best-1e-7 {
			best, rounds = l, len(m.trees)
		} else if len(m.trees)-rounds >= b.Patience {
			break
		}
	}
	if len(held.X) > 0 {
		m.trees = m.trees[:rounds]
	}
	return m
}

// prior is where boosting starts: what is known without looking.
func prior(s Set) []float64 {
	count := make([]float64, s.Classes)
	for _, y := range s.Y {
		count[y]++
	}
	for k := range count {
		count[k] = math.Log(max(count[k], 0.5) / float64(len(s.Y)))
	}
	if s.Classes == 2 {
		return []float64{count[1] - count[0]}
	}
	return count
}

func repeat(row []float64, n int) [][]float64 {
	rows := make([][]float64, n)
	for i := range rows {
		rows[i] = slices.Clone(row)
	}
	return rows
}

func loss(raw [][]float64, y []int) (sum float64) {
	for i := range raw {
		sum -= math.Log(max(chances(raw[i])[y[i]], 1e-15))
	}
	return sum / float64(len(y))
}

// holdBack takes whole prompts of each class out of the training part: rows of
// a prompt on both sides would let boosting learn prompts by heart unpunished.
func holdBack(s Set, seed uint64) (train, held Set, ok bool) {
	fold := Folds(s, heldBack, seed)
	var in, out []int
	missing := make(map[int]bool)
	for _, y := range s.Y {
		missing[y] = true
	}
	for i, f := range fold {
		if f == 0 {
			out = append(out, i)
			continue
		}
		in = append(in, i)
		delete(missing, s.Y[i])
	}
	if len(out) == 0 || len(missing) > 0 {
		return s, Set{}, false
	}
	return s.pick(in), s.pick(out), true
}

// sample draws the columns of one tree.
func sample(r *rand.Rand, n int, share float64) []int {
	all := r.Perm(n)
	if share < 1 {
		all = all[:max(1, int(share*float64(n)))]
	}
	slices.Sort(all)
	return all
}
