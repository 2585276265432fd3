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
	words   *words
	known   []int32 // by a run's index among the words: its place, or unknown
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

// words are the runs of a table's rows.
type words struct {
	index map[gram]int
	rows  [][]word // of each row, each run once, in the order of their index
}

// word is a run and how often a row has it.
type word struct{ run, times int }

type wordsKey struct{ longest int }

// read makes words of all rows of a table, once.
func (g Grams) read(t *table) *words {
	return of(t, wordsKey{g.Longest}, func() *words {
		w := &words{index: make(map[gram]int), rows: make([][]word, len(t.x))}
		for i, row := range t.x {
			var own []int
			for _, run := range g.runs(row) {
				at, known := w.index[run]
				if !known {
					at = len(w.index)
					w.index[run] = at
				}
				own = append(own, at)
			}
			w.rows[i] = counted(own)
		}
		return w
	})
}

// counted is each number once, in order, and how often it is there.
func counted(of []int) (out []word) {
	slices.Sort(of)
	for i := 0; i < len(of); {
		from := i
		for ; i < len(of) && of[i] == of[from]; i++ {
		}
		out = append(out, word{of[from], i - from})
	}
	return slices.Clip(out)
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
	t, known := s.shared()
	m := &grams{Grams: g, words: g.read(t), classes: s.Classes}
	m.learnRuns(s, known)
	rows := make([][]term, len(known))
	for i, row := range known {
		rows[i] = m.terms(m.words.rows[row])
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
func (m *grams) learnRuns(s Set, known []int) {
	type seen struct{ rows, groups, lastGroup int }
	all := make([]seen, len(m.words.index))
	for i, row := range known {
		for _, w := range m.words.rows[row] {
			c := &all[w.run]
			// Traces of a prompt need not lie side by side: a count too high here
			// only keeps a run that is rarer than it seems.
			if c.rows == 0 || c.lastGroup != s.Group[i] {
				c.groups, c.lastGroup = c.groups+1, s.Group[i]
			}
			c.rows++
		}
	}
	m.known = make([]int32, len(all))
	for run, c := range all {
		m.known[run] = unknown
		if c.groups >= m.Groups {
			m.known[run] = int32(len(m.rarity))
			m.rarity = append(m.rarity, math.Log(float64(1+len(known))/float64(1+c.rows))+1)
		}
	}
}

// unknown is a run that too few prompts had.
const unknown = -1

// terms are the known ones of a row's runs, their squares adding up to one, and a
// constant.
func (m *grams) terms(row []word) []term {
	out := make([]term, 0, len(row)+1)
	norm := 0.0
	for _, w := range row {
		if at := m.known[w.run]; at != unknown {
			v := (1 + math.Log(float64(w.times))) * m.rarity[at]
			out = append(out, term{int(at), v})
			norm += v * v
		}
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

// wordsOf are those of a row that are known to the table.
func (m *grams) wordsOf(row []float64) []word {
	var own []int
	for _, run := range m.runs(row) {
		if at, known := m.words.index[run]; known {
			own = append(own, at)
		}
	}
	return counted(own)
}

func (m *grams) Scores(row []float64) []float64 { return m.said(m.wordsOf(row)) }

func (m *grams) scoresOf(row int) []float64 { return m.said(m.words.rows[row]) }

func (m *grams) said(row []word) []float64 {
	terms := m.terms(row)
	raw := make([]float64, len(m.weights))
	for k, w := range m.weights {
		raw[k] = 2 * dot(terms, w) // the margin is at one: there a class is likely, not certain
	}
	return chances(raw)
}
