// Package learn holds the learners and the statistics that measure what an
// encrypted stream gives away: gradient boosting, extremely randomised trees
// and nearest neighbours, and around them areas under curves with intervals
// over prompts, permutation nulls and corrections for asking many questions.
//
// Everything is a function of its arguments and a seed: the same on every
// machine, however many processors it has. It knows nothing of traces; package
// leak turns those into numbers.
package learn

import (
	"fmt"
	"math/rand/v2"
)

// Set is labelled data. Group names what must never be divided between training
// and test: the traces of one prompt.
type Set struct {
	X       [][]float64
	Y       []int // 0 to Classes-1; in a binary set 1 is what the attacker looks for
	Group   []int
	Classes int

	table *table // what is known about rows, of which these are some; may be nil
	rows  []int  // which of them, nil: all
}

// Learner makes a Model from a set.
type Learner interface {
	Fit(s Set, seed uint64) Model
}

// Model scores a row: for each class how likely it is. The scores add up to 1.
type Model interface {
	Scores(row []float64) []float64
}

// SetError says why a set cannot be learned from.
type SetError struct{ Reason string }

func (e *SetError) Error() string { return "these traces cannot be learned from: " + e.Reason }

// Check refuses a set whose numbers would mean something else than they say. A
// prompt under two labels would let the split by prompt leak.
func (s Set) Check() error {
	n := len(s.X)
	if n == 0 || len(s.Y) != n || len(s.Group) != n {
		return &SetError{fmt.Sprintf("%d rows, %d labels, %d prompts", n, len(s.Y), len(s.Group))}
	}
	if s.Classes < 2 {
		return &SetError{"fewer than two labels"}
	}
	label := make(map[int]int)
	seen := make([]bool, s.Classes)
	for i, row := range s.X {
		if len(row) != len(s.X[0]) || len(row) == 0 {
			return &SetError{fmt.Sprintf("row %d has %d columns, row 0 has %d", i, len(row), len(s.X[0]))}
		}
		for _, v := range row {
			if v-v != 0 {
				return &SetError{fmt.Sprintf("row %d holds a number that is not finite", i)}
			}
		}
		y := s.Y[i]
		if y < 0 || y >= s.Classes {
			return &SetError{fmt.Sprintf("label %d of %d", y, s.Classes)}
		}
		seen[y] = true
		if was, known := label[s.Group[i]]; known && was != y {
			return &SetError{fmt.Sprintf("prompt %d has two labels", s.Group[i])}
		}
		label[s.Group[i]] = y
	}
	for y, there := range seen {
		if !there {
			return &SetError{fmt.Sprintf("no trace has label %d", y)}
		}
	}
	return nil
}

// pick is the part of the set in rows.
func (s Set) pick(rows []int) Set {
	part := Set{Classes: s.Classes, table: s.table}
	for _, i := range rows {
		part.X = append(part.X, s.X[i])
		part.Y = append(part.Y, s.Y[i])
		part.Group = append(part.Group, s.Group[i])
		if s.table != nil {
			part.rows = append(part.rows, s.row(i))
		}
	}
	return part
}

// row is where the table has the set's i-th row.
func (s Set) row(i int) int {
	if s.rows == nil {
		return i
	}
	return s.rows[i]
}

// columns turns rows into columns, which trees read one at a time.
func columns(x [][]float64) [][]float64 {
	cols := make([][]float64, len(x[0]))
	flat := make([]float64, len(x)*len(cols))
	for j := range cols {
		cols[j] = flat[j*len(x) : (j+1)*len(x)]
		for i, row := range x {
			cols[j][i] = row[j]
		}
	}
	return cols
}

// random is the generator of one part of the work. Each part has a number, so
// that no part's draws depend on how many another made.
func random(seed, part uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, part)) }
