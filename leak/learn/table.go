package learn

import (
	"slices"
	"sync"
)

// table is what learners find out about rows without looking at labels. It is
// found once, whichever rows are learned from: a permutation null learns from the
// same rows hundreds of times, and nothing that is here changes between them.
type table struct {
	x [][]float64

	mu   sync.Mutex
	kept map[any]any // functions that make a thing once; guarded by mu
}

// Prepared is the set, ready to be learned from again and again. Copies of it, with
// other labels too, share what was found out about its rows.
func (s Set) Prepared() Set {
	s.table, s.rows = &table{x: s.X}, nil
	return s
}

// shared is the set's table and which of its rows the set has.
func (s Set) shared() (t *table, rows []int) {
	t, rows = s.table, s.rows
	if t == nil {
		t = &table{x: s.X}
	}
	if rows == nil {
		rows = make([]int, len(s.X))
		for i := range rows {
			rows[i] = i
		}
	}
	return t, rows
}

// of is a thing about the table, made when it is first asked for. Each kind of
// thing has a key of a type of its own.
func of[T any](t *table, key any, build func() T) T {
	t.mu.Lock()
	if t.kept == nil {
		t.kept = make(map[any]any)
	}
	made, there := t.kept[key].(func() T)
	if !there {
		made = sync.OnceValue(build)
		t.kept[key] = made
	}
	t.mu.Unlock()
	return made()
}

// column is one column by ranks: the values that occur, the smallest first, and
// which of them each row has.
type column struct {
	values []float64
	code   []int32
}

type columnsKey struct{}

// columns are the table's.
func (t *table) columns() []column {
	return of(t, columnsKey{}, func() []column {
		out := make([]column, len(t.x[0]))
		flat := make([]int32, len(t.x)*len(out))
		type at struct {
			v float64
			i int
		}
		order := make([]at, len(t.x))
		for j := range out {
			for i, row := range t.x {
				order[i] = at{row[j], i}
			}
			slices.SortFunc(order, func(a, b at) int {
				if a.v < b.v {
					return -1
				}
				if a.v > b.v {
					return 1
				}
				return 0
			})
			c := column{code: flat[j*len(t.x) : (j+1)*len(t.x)]}
			for _, o := range order {
				if n := len(c.values); n == 0 || c.values[n-1] != o.v {
					c.values = append(c.values, o.v)
				}
				c.code[o.i] = int32(len(c.values) - 1)
			}
			out[j] = c
		}
		return out
	})
}

// upTo is the place of the last value that is not above a limit; the first never is.
func upTo(values []float64, limit float64) int32 {
	low, high := 0, len(values)
	for high-low > 1 {
		if middle := (low + high) / 2; values[middle] <= limit {
			low = middle
		} else {
			high = middle
		}
	}
	return int32(low)
}

// indexed is a model that scores rows of the table it learned from faster than
// others.
type indexed interface {
	scoresOf(row int) []float64
}
