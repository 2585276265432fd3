package leak

import (
	"math"
	"slices"

	"abaton.local/leak/learn"
)

// rows asks f about every trace.
func rows(traces []Trace, f func(t *Trace) []float64) [][]float64 {
	out := make([][]float64, len(traces))
	for i := range traces {
		out[i] = f(&traces[i])
	}
	return out
}

// length is what padding cannot hide: records, bytes, duration.
func length(t *Trace) []float64 {
	var bytes int
	var last float64
	for i, s := range t.Sizes {
		bytes += s
		last += t.Gaps[i]
	}
	if len(t.Gaps) > 0 {
		last -= t.Gaps[0]
	}
	return []float64{float64(len(t.Sizes)), float64(bytes), last}
}

// summary describes a trace by its shape: the three numbers of length and how
// sizes and gaps are spread.
func summary(t *Trace) []float64 {
	sizes := make([]float64, len(t.Sizes))
	distinct := make(map[int]bool)
	for i, s := range t.Sizes {
		sizes[i] = float64(s)
		distinct[s] = true
	}
	var rest []float64
	short := 0
	if len(t.Gaps) > 1 {
		rest = t.Gaps[1:]
		for _, g := range rest {
			if g < 1e-3 {
				short++
			}
		}
	}
	out := append(length(t), at(t.Gaps, 0), float64(len(distinct)), float64(short),
		at(sizes, 0), at(sizes, 1), at(sizes, len(sizes)-1), sum(head(sizes, 10)), sum(tail(sizes, 10)))
	return append(append(out, spread(sizes)...), spread(rest)...)
}

// spread is mean, deviation, and values from the smallest to the largest.
func spread(v []float64) []float64 {
	if len(v) == 0 {
		return make([]float64, 9)
	}
	mean, sq := sum(v)/float64(len(v)), 0.0
	for _, x := range v {
		sq += (x - mean) * (x - mean)
	}
	out := []float64{mean, math.Sqrt(sq / float64(len(v)))}
	sorted := slices.Sorted(slices.Values(v))
	for _, q := range []float64{0, 0.1, 0.25, 0.5, 0.75, 0.9, 1} {
		out = append(out, learn.Quantile(sorted, q))
	}
	return out
}

func at(v []float64, i int) float64 {
	if i < 0 || i >= len(v) {
		return 0
	}
	return v[i]
}

func head(v []float64, n int) []float64 { return v[:min(n, len(v))] }
func tail(v []float64, n int) []float64 { return v[max(0, len(v)-n):] }

func sum(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}

// curvePoints is how finely a curve is read.
const curvePoints = 20

// curve follows bytes and time as they add up, at evenly spaced records.
//
// Panchenko et al., "Website fingerprinting at Internet scale", NDSS 2016 (CUMUL).
func curve(t *Trace) []float64 {
	out := make([]float64, 0, 2*curvePoints)
	var bytes, times []float64
	var b, s float64
	for i, size := range t.Sizes {
		b += float64(size)
		s += t.Gaps[i]
		bytes, times = append(bytes, b), append(times, s)
	}
	for _, line := range [][]float64{bytes, times} {
		for p := range curvePoints {
			if len(line) == 0 {
				out = append(out, 0)
				continue
			}
			out = append(out, learn.Quantile(line, float64(p+1)/curvePoints))
		}
	}
	return out
}

// sequences are the raw times and sizes of every trace, filled up with zeros or
// cut to the length that 19 of 20 traces do not exceed.
//
// McDonald and Bar Or, "Whisper Leak: a side-channel attack on large language
// models", arXiv 2511.03675 (2025).
func sequences(traces []Trace) [][]float64 {
	lengths := make([]float64, len(traces))
	for i, t := range traces {
		lengths[i] = float64(len(t.Sizes))
	}
	slices.Sort(lengths)
	n := max(1, int(learn.Quantile(lengths, 0.95)))
	return rows(traces, func(t *Trace) []float64 {
		row := make([]float64, 2*n)
		copy(row[:n], t.Gaps)
		for i := range min(n, len(t.Sizes)) {
			row[n+i] = float64(t.Sizes[i])
		}
		return row
	})
}

// sizesInOrder are the sizes of a trace's records alone, filled up with zeros. In
// runs of them words show, by the lengths of their parts.
func sizesInOrder(traces []Trace) [][]float64 {
	n := 1
	for _, t := range traces {
		n = max(n, len(t.Sizes))
	}
	return rows(traces, func(t *Trace) []float64 {
		row := make([]float64, n)
		for i, s := range t.Sizes {
			row[i] = float64(s)
		}
		return row
	})
}

// upload is what is seen before the answer: sizes going up, and how long the
// first records took to come.
//
// The time to the first token is what "InputSnatch", arXiv 2411.18191 (2024),
// reads.
func upload(t *Trace) []float64 {
	sizes := make([]float64, len(t.UpSizes))
	for i, s := range t.UpSizes {
		sizes[i] = float64(s)
	}
	out := []float64{float64(len(sizes)), sum(sizes), at(t.UpTimes, len(t.UpTimes)-1)}
	for i := range 4 {
		out = append(out, at(sizes, i), at(t.UpTimes, i))
	}
	for i := range 6 {
		out = append(out, at(t.Gaps, i))
	}
	for i := range 3 {
		var first float64
		if i < len(t.Sizes) {
			first = float64(t.Sizes[i])
		}
		out = append(out, first)
	}
	return out
}

// closing is how a connection ended: by whom, when, and after which records.
func closing(t *Trace) []float64 {
	var out []float64
	for _, kind := range []string{ClientFin, ServerFin, ClientRst, ServerRst} {
		var is float64
		if t.CloseKind == kind {
			is = 1
		}
		out = append(out, is)
	}
	last := sum(t.Gaps)
	var wait float64
	if t.CloseKind != "" {
		wait = t.CloseTime - last
	}
	out = append(out, t.CloseTime, wait)
	for i := 1; i <= 3; i++ {
		var size float64
		if n := len(t.Sizes) - i; n >= 0 {
			size = float64(t.Sizes[n])
		}
		out = append(out, size, at(t.Gaps, len(t.Gaps)-i))
	}
	return out
}

// joined puts the columns of several tables beside each other.
func joined(tables ...[][]float64) [][]float64 {
	out := make([][]float64, len(tables[0]))
	for i := range out {
		for _, t := range tables {
			out[i] = append(out[i], t[i]...)
		}
	}
	return out
}
