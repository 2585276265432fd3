package learn

import (
	"cmp"
	"math"
	"slices"
)

// Ranking is scores in order, ready to be asked again and again with other
// weights. Only rows of the same stratum are compared.
//
// Hanley and McNeil, "The meaning and use of the area under a receiver operating
// characteristic curve", Radiology 143 (1982); Davis and Goadrich, "The
// relationship between precision-recall and ROC curves", ICML 2006: the curve of
// precision must not be joined by straight lines, so it is summed in steps.
type Ranking struct {
	score    []float64
	positive []bool
	strata   [][]int // rows of each stratum, smallest score first
	all      []int   // every row, largest score first; nil until asked for
}

// NewRanking orders rows. strata may be nil: one for all.
func NewRanking(score []float64, positive []bool, strata []int) *Ranking {
	r := &Ranking{score: score, positive: positive}
	part := make(map[int]int)
	for i := range score {
		s := 0
		if strata != nil {
			s = strata[i]
		}
		at, known := part[s]
		if !known {
			at = len(r.strata)
			part[s] = at
			r.strata = append(r.strata, nil)
		}
		r.strata[at] = append(r.strata[at], i)
	}
	for _, rows := range r.strata {
		ascend(rows, score)
	}
	return r
}

// ascend puts rows in the order of their scores, equal ones as they were.
func ascend(rows []int, score []float64) {
	type at struct {
		score float64
		place int
		row   int
	}
	order := make([]at, len(rows))
	for i, row := range rows {
		order[i] = at{score[row], i, row}
	}
	slices.SortFunc(order, func(a, b at) int {
		switch {
		case a.score < b.score:
			return -1
		case a.score > b.score:
			return 1
		case a.score != b.score: // one of them is no number
			return cmp.Compare(a.score, b.score)
		}
		return a.place - b.place
	})
	for i, o := range order {
		rows[i] = o.row
	}
}

// descending is every row, largest score first.
func (r *Ranking) descending() []int {
	if r.all == nil {
		for i := range r.score {
			r.all = append(r.all, i)
		}
		ascend(r.all, r.score)
		slices.Reverse(r.all)
	}
	return r.all
}

func weigh(weight []float64, i int) float64 {
	if weight == nil {
		return 1
	}
	return weight[i]
}

// ties calls f with the weights of each run of equal scores.
func (r *Ranking) ties(rows []int, weight []float64, f func(pos, neg float64)) {
	for i := 0; i < len(rows); {
		var pos, neg float64
		at := r.score[rows[i]]
		for ; i < len(rows) && r.score[rows[i]] == at; i++ {
			if w := weigh(weight, rows[i]); r.positive[rows[i]] {
				pos += w
			} else {
				neg += w
			}
		}
		f(pos, neg)
	}
}

// AUC is how likely a positive row has the larger score than a negative one, a
// tie counting half. It is not a number where there is nothing to compare.
func (r *Ranking) AUC(weight []float64) float64 {
	var right, pairs float64
	for _, rows := range r.strata {
		var below, positives float64
		r.ties(rows, weight, func(pos, neg float64) {
			right += pos * (below + neg/2)
			below += neg
			positives += pos
		})
		pairs += positives * below
	}
	return right / pairs
}

// Precision is the average precision, the area under precision over recall, and
// base what guessing gets: the share of positive rows.
func (r *Ranking) Precision(weight []float64) (average, base float64) {
	var hit, seen float64
	r.ties(r.descending(), weight, func(pos, neg float64) {
		hit += pos
		seen += pos + neg
		if seen > 0 {
			average += pos * hit / seen
		}
	})
	return average / hit, hit / seen
}

// TPR is the share of positive rows found when at most the share fpr of negative
// ones is mistaken for them. Rows with equal scores are chosen among by lot: an
// attacker may do that, and saying zero would flatter us.
func (r *Ranking) TPR(fpr float64, weight []float64) float64 {
	var all, allowed, found float64
	var pos, neg float64
	for i, p := range r.positive {
		if p {
			pos += weigh(weight, i)
		} else {
			neg += weigh(weight, i)
		}
	}
	if pos == 0 || neg == 0 {
		return math.NaN()
	}
	allowed = fpr * neg
	full := false
	r.ties(r.descending(), weight, func(p, n float64) {
		if full {
			return
		}
		if all+n > allowed {
			found += p * (allowed - all) / n
			full = true
			return
		}
		all += n
		found += p
	})
	return found / pos
}
