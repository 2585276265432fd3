package learn

import "math"

// Bits is how much a response gives away of its label, at least: what is unknown
// before it less what its scores leave unknown. It may be below zero where a
// learner is surer than it should be.
//
// Barber and Agakov, "The IM algorithm: a variational approach to information
// maximization", NIPS 2003.
func (s Scored) Bits() float64 {
	count := make([]float64, s.Classes)
	var left float64
	for i, y := range s.Y {
		count[y]++
		left -= math.Log2(max(s.Scores[i][y], 1e-6))
	}
	return entropy(count) - left/float64(len(s.Y))
}

func entropy(count []float64) (h float64) {
	var n float64
	for _, c := range count {
		n += c
	}
	for _, c := range count {
		if c > 0 {
			h -= c / n * math.Log2(c/n)
		}
	}
	return h
}

// Mutual is how many bits of one number the other tells, from how often pairs
// were seen, less what small samples seem to tell.
//
// Miller, "Note on the bias of information estimates", in Quastler (editor),
// Information Theory in Psychology, 1955.
func Mutual(a, b []int) float64 {
	type pair struct{ a, b int }
	ca, cb, cab := make(map[int]float64), make(map[int]float64), make(map[pair]float64)
	for i := range a {
		ca[a[i]]++
		cb[b[i]]++
		cab[pair{a[i], b[i]}]++
	}
	n := float64(len(a))
	var plain float64
	for i := range a { // in the order of the samples: sums over a map would differ from run to run
		plain += math.Log2(cab[pair{a[i], b[i]}] * n / (ca[a[i]] * cb[b[i]]))
	}
	excess := float64(len(cab)-len(ca)-len(cb)) + 1
	return plain/n - excess/(2*n*math.Ln2)
}
