package learn

import "slices"

// cuts are the borders between the bins of one column: a value is in the first
// bin whose cut it does not exceed, or in the last one.
type cuts []float64

// cut divides what some rows have in a column into at most limit bins: one for
// each value where there are few, otherwise bins that hold about as many values
// each. bin says into which one each value of the column falls.
func (col column) cut(rows []int, limit int) (c cuts, bin []uint8) {
	count := make([]int, len(col.values))
	for _, i := range rows {
		count[col.code[i]]++
	}
	var distinct []int
	for code, n := range count {
		if n > 0 {
			distinct = append(distinct, code)
		}
	}
	if len(distinct) <= limit {
		for i := range len(distinct) - 1 {
			c = append(c, between(col.values[distinct[i]], col.values[distinct[i+1]]))
		}
	} else {
		// The b-th border lies between these two of all values in order.
		last, below := 0, count[distinct[0]]
		for b := 1; b < limit; b++ {
			at := b * len(rows) / limit
			for below < at {
				last++
				below += count[distinct[last]]
			}
			next := distinct[last]
			if below == at {
				next = distinct[last+1]
			}
			c = append(c, between(col.values[distinct[last]], col.values[next]))
		}
		c = slices.Compact(c)
	}
	bin = make([]uint8, len(col.values))
	b := 0
	for code, v := range col.values {
		for b < len(c) && c[b] < v {
			b++
		}
		bin[code] = uint8(b)
	}
	return c, bin
}

// between is the middle, or a where rounding would make it b: then b would fall
// on a's side.
func between(a, b float64) float64 {
	if m := a + (b-a)/2; m < b {
		return m
	}
	return a
}
