package learn

import (
	"cmp"
	"math"
	"slices"
)

// Rule is the one question with the best answer: whether one column is above one
// value. What shows in a single number it finds with fewer rows than trees need.
//
// Holte, "Very simple classification rules perform well on most commonly used
// datasets", Machine Learning 11 (1993).
type Rule struct{}

type rule struct {
	column      int
	limit       float64
	below, over []float64 // shares of classes
}

// Fit finds the question.
func (Rule) Fit(s Set, _ uint64) Model {
	all := make([]float64, s.Classes)
	for _, y := range s.Y {
		all[y]++
	}
	m := &rule{limit: math.Inf(1), below: shares(all), over: shares(all)}
	best := 0.0
	order := make([]int, len(s.X))
	for j, col := range columns(s.X) {
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(col[a], col[b]) })
		below := make([]float64, s.Classes)
		for i, row := range order[:len(order)-1] {
			below[s.Y[row]]++
			low, high := col[row], col[order[i+1]]
			if low == high {
				continue
			}
			over := make([]float64, s.Classes)
			for k := range over {
				over[k] = all[k] - below[k]
			}
			gain := entropyBits(all) - entropyBits(below) - entropyBits(over)
			if gain > best+1e-9 {
				best = gain
				// Halfway may round up to the value above.
				limit := low + (high-low)/2
				if limit >= high {
					limit = low
				}
				m.column, m.limit, m.below, m.over = j, limit, shares(below), shares(over)
			}
		}
	}
	return m
}

func (m *rule) Scores(row []float64) []float64 {
	if row[m.column] > m.limit {
		return slices.Clone(m.over)
	}
	return slices.Clone(m.below)
}

// shares of classes, none quite nothing: a few rows prove little (Laplace).
func shares(count []float64) []float64 {
	out, n := make([]float64, len(count)), float64(len(count))
	for _, c := range count {
		n += c
	}
	for k, c := range count {
		out[k] = (c + 1) / n
	}
	return out
}

// entropyBits is what is unknown of all these rows' labels together.
func entropyBits(count []float64) float64 {
	var n float64
	for _, c := range count {
		n += c
	}
	return n * entropy(count)
}
