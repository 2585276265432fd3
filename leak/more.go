package leak

import "abaton.local/leak/learn"

// MoreAttacks are those that a full run makes beside Attacks:
// other learners of what A3 and A8 look at, and pooled evidence of a simpler kind.
func MoreAttacks() []Attack {
	each := func(f func(*Trace) []float64) func([]Trace) [][]float64 {
		return func(traces []Trace) [][]float64 { return rows(traces, f) }
	}
	return []Attack{
		{"A3/warped", "nearest neighbours on the curve, warped in time", each(curve), learn.Warped{Channels: 2}, 0, ""},
		{"A8/rule", "one number about how the connection ends", each(closing), learn.Rule{}, 0, ""},
		{"A9/length", "five traces of a prompt together, as A0", each(length), learn.Forest{Trees: 100, MinLeaf: 5}, 5, "A0"},
	}
}
