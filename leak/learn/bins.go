package learn

import "slices"

// cuts are the borders between the bins of one column: a value is in the first
// bin whose cut it does not exceed, or in the last one.
type cuts []float64

func (c cuts) bin(v float64) uint8 {
	b, _ := slices.BinarySearch(c, v)
	return uint8(b)
}

// cut divides a column into at most limit bins: one for each value where there
// are few, otherwise bins that hold about as many values each.
func cut(col []float64, limit int) cuts {
	sorted := slices.Clone(col)
	slices.Sort(sorted)
	distinct := slices.Compact(slices.Clone(sorted))
	var c cuts
	if len(distinct) <= limit {
		for i := range len(distinct) - 1 {
			c = append(c, between(distinct[i], distinct[i+1]))
		}
		return c
	}
	for b := 1; b < limit; b++ {
		at := b * len(sorted) / limit
		c = append(c, between(sorted[at-1], sorted[at]))
	}
	return slices.Compact(c)
}

// between is the middle, or a where rounding would make it b: then b would fall
// on a's side.
func between(a, b float64) float64 {
	if m := a + (b-a)/2; m < b {
		return m
	}
	return a
}
