package learn

import (
	"slices"
	"sync"
)

// Folds deals prompts into k parts, those of each label in turn, so that parts
// are alike. Rows of one prompt are never divided.
func Folds(s Set, k int, seed uint64) []int {
	label := make(map[int]int)
	var groups []int
	for i, g := range s.Group {
		if _, known := label[g]; !known {
			groups = append(groups, g)
		}
		label[g] = s.Y[i]
	}
	r := random(seed, 2)
	r.Shuffle(len(groups), func(a, b int) { groups[a], groups[b] = groups[b], groups[a] })
	slices.SortStableFunc(groups, func(a, b int) int { return label[a] - label[b] })
	fold := make(map[int]int)
	for i, g := range groups {
		fold[g] = i % k
	}
	out := make([]int, len(s.Group))
	for i, g := range s.Group {
		out[i] = fold[g]
	}
	return out
}

// Scored is what learners said of rows that they had not learned from.
type Scored struct {
	Set
	Scores [][]float64
	Fold   []int
}

// Cross learns on k-1 parts and scores the one left out, for each part.
func Cross(l Learner, s Set, k int, seed uint64) Scored {
	out := Scored{Set: s, Scores: make([][]float64, len(s.X)), Fold: Folds(s, k, seed)}
	var work sync.WaitGroup
	for f := range k {
		work.Go(func() {
			var train []int
			for i := range s.X {
				if out.Fold[i] != f {
					train = append(train, i)
				}
			}
			m := l.Fit(s.pick(train), seed+uint64(f))
			known, is := m.(indexed)
			for i, row := range s.X {
				switch {
				case out.Fold[i] != f:
				case is && s.table != nil:
					out.Scores[i] = known.scoresOf(s.row(i))
				default:
					out.Scores[i] = m.Scores(row)
				}
			}
		})
	}
	work.Wait()
	return out
}

// Ranking ranks how strongly rows were taken for a class against whether they
// are of it. Rows are compared within a fold only: between folds even a learner
// that knows nothing falls below one half, since each part left out lacks what
// the learners of the others had too much of.
func (s Scored) Ranking(class int) *Ranking {
	score, positive := make([]float64, len(s.Y)), make([]bool, len(s.Y))
	for i, y := range s.Y {
		score[i], positive[i] = s.Scores[i][class], y == class
	}
	return NewRanking(score, positive, s.Fold)
}

// AUC is the area for a binary set, and for more labels the mean of each label
// against the rest. Where it is asked for again and again, with weights, ask Area.
func (s Scored) AUC() float64 { return s.Area()(nil) }

// Area is the AUC as a function of weights, which count rows; nil counts each once.
func (s Scored) Area() func(weight []float64) float64 {
	classes := []int{1}
	if s.Classes != 2 {
		classes = classes[:0]
		for k := range s.Classes {
			classes = append(classes, k)
		}
	}
	var rankings []*Ranking
	for _, k := range classes {
		rankings = append(rankings, s.Ranking(k))
	}
	return func(weight []float64) (sum float64) {
		for _, r := range rankings {
			sum += r.AUC(weight) / float64(len(rankings))
		}
		return sum
	}
}

// Accuracy is the share of rows whose likeliest label is the right one; majority
// is what one gets who always says the commonest.
func (s Scored) Accuracy() (accuracy, majority float64) {
	count := make([]int, s.Classes)
	right := 0
	for i, y := range s.Y {
		count[y]++
		if s.Likeliest(i) == y {
			right++
		}
	}
	n := float64(len(s.Y))
	return float64(right) / n, float64(slices.Max(count)) / n
}

// Likeliest is the label that a row is taken for, of several the first.
func (s Scored) Likeliest(i int) (best int) {
	for k, v := range s.Scores[i] {
		if v > s.Scores[i][best] {
			best = k
		}
	}
	return best
}
