package learn

import (
	"math"
	"slices"
)

// Grams reads rows as sequences of whole numbers, up to the first zero, and tells
// classes apart by which runs of up to four of them occur: words, so to say, by
// the lengths of their parts. Runs are weighed by how rare they are; a linear
// machine is trained on them for each class against the rest.
//
// Salton and Buckley, "Term-weighting approaches in automatic text retrieval",
// Information Processing and Management 24 (1988); Hsieh et al., "A dual
// coordinate descent method for large-scale linear SVM", ICML 2008.
type Grams struct {
	Longest int     // 4, and no more
	Groups  int     // prompts that a run must occur in to count; 2
	Cost    float64 // of an error, against large weights; 1
}

// gram is a run of numbers, filled up with zeros.
type gram [4]int32

// term is how much of a run is in a row.
type term struct {
	index int
	value float64
}

type grams struct {
	Grams
	known   map[gram]int
	rarity  []float64
	weights [][]float64 // for each class, the last one constant; of two classes for the second alone
	classes int
}

// Marks that stand before and behind a row's numbers: how an answer begins and
// ends tells more than what stands in its middle.
const first, last = math.MinInt32, math.MinInt32 + 1

// runs lists the runs of a row in the order in which they begin.
func (g Grams) runs(row []float64) (out []gram) {
	end := slices.Index(row, 0)
	if end < 0 {
		end = len(row)
	}
	marked := []int32{first}
	for _, v := range row[:end] {
		marked = append(marked, int32(max(last+1, min(math.MaxInt32, v))))
	}
	marked = append(marked, last)
	for i := range marked {
		var run gram
		for n := 0; n < g.Longest && i+n < len(marked); n++ {
			run[n] = marked[i+n]
			out = append(out, run)
		}
	}
	return out
}

// Fit learns.
func (g Grams) Fit(s Set, seed uint64) Model {
	if g.Longest <= 0 || g.Longest > len(gram{}) {
		g.Longest = len(gram{})
	}
	if g.Groups <= 0 {
		g.Groups = 2
	}
	if g.Cost <= 0 {
		g.Cost = 1
	}
	m := &grams{Grams: g, known: make(map[gram]int), classes: s.Classes}
	m.learnRuns(s)
	rows := make([][]term, len(s.X))
	for i, row := range s.X {
		rows[i] = m.terms(row)
	}
	for k := range s.Classes {
		if s.Classes == 2 && k == 0 {
			continue
		}
		sign := make([]float64, len(s.Y))
		for i, y := range s.Y {
			sign[i] = -1
			if y == k {
				sign[i] = 1
			}
		}
		m.weights = append(m.weights, m.separate(rows, sign, seed))
	}
	return m
}

// learnRuns keeps the runs that several prompts have, and how rare they are.
func (m *grams) learnRuns(s Set) {
	type seen struct {
		rows, groups, lastRow, lastGroup int
	}
	all := make(map[gram]*seen)
	var order []gram
	for i, row := range s.X {
		for _, run := range m.runs(row) {
			c := all[run]
			if c == nil {
				c = &seen{lastRow: -1, lastGroup: -1}
				all[run] = c
				order = append(order, run)
			}
			if c.lastRow != i {
				c.rows, c.lastRow = c.rows+1, i
			}
			// Traces of a prompt need not lie side by side: a count too high here
			// only keeps a run that is rarer than it seems.
			if c.lastGroup != s.Group[i] {
				c.groups, c.lastGroup = c.groups+1, s.Group[i]
			}
		}
	}
	for _, run := range order {
		c := all[run]
		if c.groups < m.Groups {
			continue
		}
		m.known[run] = len(m.rarity)
		m.rarity = append(m.rarity, math.Log(float64(1+len(s.X))/float64(1+c.rows))+1)
	}
}

// terms are the known runs of a row, their squares adding up to one, and a
// constant.
func (m *grams) terms(row []float64) []term {
	var index []int
	for _, run := range m.runs(row) {
		if i, known := m.known[run]; known {
			index = append(index, i)
		}
	}
	slices.Sort(index)
	var out []term
	for i := 0; i < len(index); {
		from := i
		for ; i < len(index) && index[i] == index[from]; i++ {
		}
		out = append(out, term{index[from], (1 + math.Log(float64(i-from))) * m.rarity[index[from]]})
	}
	norm := 0.0
	for _, t := range out {
		norm += t.value * t.value
	}
	for i := range out {
		out[i].value /= math.Sqrt(norm)
	}
	return append(out, term{len(m.rarity), 1})
}

// separate finds the plane with the least squared hinge loss.
func (m *grams) separate(rows [][]term, sign []float64, seed uint64) []float64 {
	const rounds, small = 100, 1e-2
	w := make([]float64, len(m.rarity)+1)
	alpha := make([]float64, len(rows))
	square := make([]float64, len(rows))
	for i, row := range rows {
		for _, t := range row {
			square[i] += t.value * t.value
		}
	}
	soft := 1 / (2 * m.Cost)
	r := random(seed, 6)
	for range rounds {
		most := 0.0
		for _, i := range r.Perm(len(rows)) {
			slope := sign[i]*dot(rows[i], w) - 1 + soft*alpha[i]
			if alpha[i] == 0 && slope >= 0 {
				continue
			}
			most = max(most, math.Abs(slope))
			was := alpha[i]
			alpha[i] = max(0, was-slope/(square[i]+soft))
			for _, t := range rows[i] {
				w[t.index] += (alpha[i] - was) * sign[i] * t.value
			}
		}
		if most < small {
			break
		}
	}
	return w
}

func dot(row []term, w []float64) (sum float64) {
	for _, t := range row {
		sum += t.value * w[t.index]
	}
	return sum
}

func (m *grams) Scores(row []float64) []float64 {
	terms := m.terms(row)
	raw := make([]float64, len(m.weights))
	for k, w := range m.weights {
		raw[k] = 2 * dot(terms, w) // the margin is at one: there a class is likely, not certain
	}
	return chances(raw)
}
