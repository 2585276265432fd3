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

// curves is a space of curves.
type curves struct {
	space
	points, channels, band int
	low, high              [][]float64 // of each row: the least and greatest value within the band
}

type warpedKey struct{ channels, band int }

// Fit keeps the curves.
func (w Warped) Fit(s Set, _ uint64) Model {
	t, known := s.shared()
	m := of(t, warpedKey{w.Channels, w.Band}, func() *curves { return w.curves(t.x) })
	return m.voters(w.K, s, known)
}

func (w Warped) curves(x [][]float64) *curves {
	columns := len(x[0])
	m := &curves{channels: max(1, min(w.Channels, columns)), band: w.Band}
	m.points = columns / m.channels
	if m.band <= 0 {
		m.band = max(1, m.points/10)
	}
	m.scaled = scaled{make([]float64, columns), make([]float64, columns)}
	for c := range m.channels {
		var all []float64
		for _, row := range x {
			all = append(all, row[c*m.points:(c+1)*m.points]...)
		}
		m.spread(c*m.points, (c+1)*m.points, all)
	}
	// Columns that are left over belong to no curve.
	for j := m.channels * m.points; j < columns; j++ {
		m.unit[j] = math.Inf(1)
	}
	m.fill(x)
	for _, z := range m.rows {
		low, high := m.envelope(z)
		m.low, m.high = append(m.low, low), append(m.high, high)
	}
	m.from = func(z []float64) func(int, float64) float64 {
		line, next := make([]float64, m.points+1), make([]float64, m.points+1)
		return func(i int, far float64) float64 {
			if d := m.least(z, i, far); d >= far {
				return d
			}
			return m.distance(z, m.rows[i], far, line, next)
		}
	}
	return m
}

// envelope is between which values a curve stays within the band.
func (m *curves) envelope(z []float64) (low, high []float64) {
	low, high = make([]float64, len(z)), make([]float64, len(z))
	for c := range m.channels {
		curve := z[c*m.points : (c+1)*m.points]
		for j := range curve {
			near := curve[max(0, j-m.band):min(m.points, j+m.band+1)]
			low[c*m.points+j], high[c*m.points+j] = slices.Min(near), slices.Max(near)
		}
	}
	return low, high
}

// least is a distance that the row is away at least, found without warping.
func (m *curves) least(z []float64, i int, far float64) (d float64) {
	for j := 0; j < m.channels*m.points && d < far; j++ {
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
func (m *curves) distance(a, b []float64, far float64, line, next []float64) float64 {
	for j := range line {
		line[j] = math.Inf(1)
	}
	line[0] = 0
	for i := range m.points {
		for j := range next {
			next[j] = math.Inf(1)
		}
		best := math.Inf(1)
		for j := max(0, i-m.band); j < min(m.points, i+m.band+1); j++ {
			var d float64
			for c := range m.channels {
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
