package learn

import (
	"math"
	"slices"
)

// Warped asks the K nearest curves, where two curves may run at different speeds:
// dynamic time warping within a band. A row is Channels curves one behind the
// other, each with as many points; a channel counts by how much all its points
// are spread.
//
// Sakoe and Chiba, "Dynamic programming algorithm optimization for spoken word
// recognition", IEEE Transactions on Acoustics, Speech and Signal Processing 26
// (1978); Keogh and Ratanamahatana, "Exact indexing of dynamic time warping",
// Knowledge and Information Systems 7 (2005), for the bound.
type Warped struct {
	K        int // 15
	Channels int // 1
	Band     int // points that one curve may run ahead of the other; a tenth of them, at least 1
}

type warped struct {
	Warped
	neighbours
	points    int
	low, high [][]float64 // of each known row: the least and greatest value within the band
}

// Fit keeps the curves.
func (w Warped) Fit(s Set, _ uint64) Model {
	if w.K <= 0 {
		w.K = 15
	}
	w.Channels = max(1, w.Channels)
	m := &warped{Warped: w, points: len(s.X[0]) / w.Channels}
	m.Channels = max(1, min(w.Channels, len(s.X[0])))
	if w.Band <= 0 {
		m.Band = max(1, m.points/10)
	}
	m.neighbours = neighbours{k: min(w.K, len(s.X)), classes: s.Classes, y: s.Y, centre: make([]float64, len(s.X[0])), unit: make([]float64, len(s.X[0]))}
	for c := range m.Channels {
		var all []float64
		for _, row := range s.X {
			all = append(all, row[c*m.points:(c+1)*m.points]...)
		}
		mean, sd := spread(all)
		if sd == 0 {
			sd = math.Inf(1)
		}
		for j := c * m.points; j < (c+1)*m.points; j++ {
			m.centre[j], m.unit[j] = mean, sd
		}
	}
	// Columns that are left over belong to no curve.
	for j := m.Channels * m.points; j < len(m.unit); j++ {
		m.unit[j] = math.Inf(1)
	}
	for _, row := range s.X {
		z := m.scale(row)
		low, high := m.envelope(z)
		m.rows, m.low, m.high = append(m.rows, z), append(m.low, low), append(m.high, high)
	}
	return m
}

// envelope is between which values a curve stays within the band.
func (m *warped) envelope(z []float64) (low, high []float64) {
	low, high = make([]float64, len(z)), make([]float64, len(z))
	for c := range m.Channels {
		curve := z[c*m.points : (c+1)*m.points]
		for j := range curve {
			near := curve[max(0, j-m.Band):min(m.points, j+m.Band+1)]
			low[c*m.points+j], high[c*m.points+j] = slices.Min(near), slices.Max(near)
		}
	}
	return low, high
}

func (m *warped) Scores(row []float64) []float64 {
	z := m.scale(row)
	found := make([]near, 0, m.k+1)
	line, next := make([]float64, m.points+1), make([]float64, m.points+1)
	for i, r := range m.rows {
		far := math.Inf(1)
		if len(found) == m.k {
			far = found[m.k-1].d
		}
		if m.least(z, i, far) >= far {
			continue
		}
		if d := m.distance(z, r, far, line, next); d < far {
			found = nearer(found, near{d, i}, m.k)
		}
	}
	return m.vote(found)
}

// least is a distance that the row is away at least, found without warping.
func (m *warped) least(z []float64, i int, far float64) (d float64) {
	for j := 0; j < m.Channels*m.points && d < far; j++ {
		if v := z[j]; v > m.high[i][j] {
			d += (v - m.high[i][j]) * (v - m.high[i][j])
		} else if v < m.low[i][j] {
			d += (v - m.low[i][j]) * (v - m.low[i][j])
		}
	}
	return d
}

// distance is the least sum of squares over all ways to walk both curves from
// their first point to their last, or anything from far on.
func (m *warped) distance(a, b []float64, far float64, line, next []float64) float64 {
	for j := range line {
		line[j] = math.Inf(1)
	}
	line[0] = 0
	for i := range m.points {
		for j := range next {
			next[j] = math.Inf(1)
		}
		best := math.Inf(1)
		for j := max(0, i-m.Band); j < min(m.points, i+m.Band+1); j++ {
			var d float64
			for c := range m.Channels {
				v := a[c*m.points+i] - b[c*m.points+j]
				d += v * v
			}
			next[j+1] = d + min(line[j], line[j+1], next[j])
			best = min(best, next[j+1])
		}
		if best >= far {
			return best
		}
		line, next = next, line
	}
	return line[m.points]
}
