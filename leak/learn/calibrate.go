package learn

import (
	"math"
	"slices"
)

// Calibrated makes chances of scores: of those of each part by what the scores
// of the other parts turned out to be worth. Learners that are too sure of
// themselves would otherwise seem to know less than they do. It is a softmax of
// the logarithms times one factor, with a constant for each class.
//
// Platt, "Probabilistic outputs for support vector machines", 1999; Guo et al.,
// "On calibration of modern neural networks", ICML 2017.
func (s Scored) Calibrated() Scored {
	out := s
	out.Scores = make([][]float64, len(s.Scores))
	parts := 0
	for _, f := range s.Fold {
		parts = max(parts, f+1)
	}
	logs := make([][]float64, len(s.Scores))
	for i, row := range s.Scores {
		logs[i] = make([]float64, len(row))
		for k, v := range row {
			logs[i][k] = math.Log(max(v, 1e-3))
		}
	}
	for f := range parts {
		var known []int
		for i := range s.Y {
			if s.Fold[i] != f {
				known = append(known, i)
			}
		}
		if len(known) == 0 { // one part alone: there is nothing to learn from
			return s
		}
		factor, constant := s.fitSoftmax(logs, known)
		for i := range s.Y {
			if s.Fold[i] == f {
				out.Scores[i] = softmax(logs[i], factor, constant)
			}
		}
	}
	return out
}

func softmax(logs []float64, factor float64, constant []float64) []float64 {
	p, all := make([]float64, len(logs)), 0.0
	for k, v := range logs {
		p[k] = factor*v + constant[k]
	}
	top := slices.Max(p)
	for k := range p {
		p[k] = math.Exp(p[k] - top)
		all += p[k]
	}
	for k := range p {
		p[k] /= all
	}
	return p
}

// fitSoftmax finds factor and constants with the least cross-entropy on known
// rows. The problem is convex: steps along the gradient, each halved until it
// helps, come as near as its last digits matter. The factor never falls below
// nothing: a learner that is right less often than chance is not read backwards.
func (s Scored) fitSoftmax(logs [][]float64, known []int) (factor float64, constant []float64) {
	const rounds, pull = 200, 1e-4
	count := make([]float64, s.Classes)
	for _, i := range known {
		count[s.Y[i]]++
	}
	constant = make([]float64, s.Classes)
	for k, c := range count {
		constant[k] = math.Log(max(c, 0.5) / float64(len(known)))
	}
	lost := func(factor float64, constant []float64) (sum float64) {
		for _, i := range known {
			sum -= math.Log(max(softmax(logs[i], factor, constant)[s.Y[i]], 1e-12))
		}
		return sum/float64(len(known)) + pull*factor*factor
	}
	least, step := lost(0, constant), 1.0
	for range rounds {
		slope, slopes := 2*pull*factor, make([]float64, s.Classes)
		for _, i := range known {
			for k, p := range softmax(logs[i], factor, constant) {
				if k == s.Y[i] {
					p--
				}
				slope += p * logs[i][k] / float64(len(known))
				slopes[k] += p / float64(len(known))
			}
		}
		better := false
		for step *= 2; step > 1e-6; step /= 2 {
			f, c := max(0, factor-step*slope), slices.Clone(constant)
			for k := range c {
				c[k] -= step * slopes[k]
			}
			if l := lost(f, c); l < least-1e-9 {
				factor, constant, least, better = f, c, l, true
				break
			}
		}
		if !better {
			break
		}
	}
	return factor, constant
}
