package learn

import (
	"errors"
	"math"
	"runtime"
	"slices"
	"testing"
)

// learners are small ones, for tests that learn often.
var learners = map[string]Learner{
	"boost":      Boost{Rounds: 20, MinLeaf: 5, Leaves: 8},
	"patient":    Boost{Rounds: 60, MinLeaf: 5, Patience: 5},
	"forest":     Forest{Trees: 30},
	"neighbours": Neighbours{},
}

// prompts makes rows of prompts asked each times; every label moves the first
// column of its rows by so much.
func prompts(seed uint64, prompts, times, classes, cols int, by float64) Set {
	r := random(seed, 7)
	s := Set{Classes: classes}
	for p := range prompts {
		own := r.NormFloat64()
		for range times {
			row := make([]float64, cols)
			for j := range row {
				row[j] = own + r.NormFloat64()
			}
			row[0] += by * float64(p%classes)
			s.X, s.Y, s.Group = append(s.X, row), append(s.Y, p%classes), append(s.Group, p)
		}
	}
	return s
}

func TestLearnersFind(t *testing.T) {
	for name, l := range learners {
		for classes := 2; classes < 4; classes++ {
			s := prompts(1, 60, 3, classes, 4, 6)
			if auc := Cross(l, s, 5, 1).AUC(); auc < 0.9 {
				t.Errorf("%s: AUC %.3f of %d labels that lie far apart", name, auc, classes)
			}
		}
	}
}

// TestScoresAddUp checks that scores are shares, also where a label is missing
// from the training part and where nothing differs.
func TestScoresAddUp(t *testing.T) {
	missing := prompts(2, 30, 2, 2, 3, 1)
	missing.Classes = 3
	flat := prompts(2, 30, 2, 2, 3, 1)
	for _, row := range flat.X {
		clear(row)
	}
	for name, l := range learners {
		for _, s := range []Set{prompts(2, 30, 2, 3, 3, 1), missing, flat} {
			m := l.Fit(s, 3)
			for _, row := range append(s.X, []float64{1e9, -1e9, 0}) {
				var sum float64
				for _, v := range m.Scores(row) {
					if !(v >= 0) {
						t.Fatalf("%s: score %v", name, v)
					}
					sum += v
				}
				about(t, name+": the sum", sum, 1)
			}
		}
	}
}

// TestSameSeed learns twice and compares to the last bit.
func TestSameSeed(t *testing.T) {
	s := prompts(3, 40, 2, 2, 5, 1)
	for name, l := range learners {
		a, b := Cross(l, s, 4, 9), Cross(l, s, 4, 9)
		for i := range a.Scores {
			if !slices.Equal(a.Scores[i], b.Scores[i]) {
				t.Fatalf("%s: the same seed gave another score", name)
			}
		}
	}
	null := func() []float64 {
		return Null{Times: 8, Seed: 5}.Draw(s, 0, func(s Set, seed uint64) float64 { return Cross(learners["forest"], s, 3, seed).AUC() })
	}
	many := null()
	was := runtime.GOMAXPROCS(1)
	one := null()
	runtime.GOMAXPROCS(was)
	if !slices.Equal(one, many) {
		t.Error("the number of processors changes the null")
	}
}

// TestFoldsKeepPrompts proves that no learner sees a prompt that it is asked
// about. A column that names the prompt is worth nothing then.
func TestFoldsKeepPrompts(t *testing.T) {
	s := prompts(4, 50, 6, 2, 2, 0)
	r := random(8, 0)
	name := make([]float64, 50)
	for p := range name {
		name[p] = r.Float64()
	}
	for i, g := range s.Group {
		s.X[i] = []float64{name[g]}
	}
	fold := Folds(s, 5, 1)
	of := make(map[int]int)
	count := make([][2]int, 5)
	for i, g := range s.Group {
		if f, known := of[g]; known && f != fold[i] {
			t.Fatalf("prompt %d lies in folds %d and %d", g, f, fold[i])
		}
		of[g] = fold[i]
		count[fold[i]][s.Y[i]]++
	}
	for f, c := range count {
		if c != [2]int{30, 30} {
			t.Errorf("fold %d holds %v of the labels", f, c)
		}
	}
	var sum float64
	for seed := range uint64(10) {
		sum += Cross(learners["neighbours"], s, 5, seed).AUC() / 10
	}
	if sum < 0.35 || sum > 0.65 {
		t.Errorf("a name of the prompt is worth AUC %.3f", sum)
	}
}

// TestPatienceStops: where there is nothing to learn boosting stops early, where
// there is it goes on; what is held back are whole prompts.
func TestPatienceStops(t *testing.T) {
	b := Boost{Rounds: 80, MinLeaf: 5, Patience: 5}
	nothing := len(b.Fit(prompts(11, 60, 4, 2, 4, 0), 1).(*boosted).trees)
	much := len(b.Fit(prompts(11, 60, 4, 2, 4, 2), 1).(*boosted).trees)
	if nothing > 20 || much <= nothing {
		t.Errorf("%d rounds where there is nothing, %d where there is much", nothing, much)
	}
	s := prompts(12, 30, 4, 2, 1, 0)
	train, held, ok := holdBack(s, 1)
	if !ok || len(train.Y)+len(held.Y) != len(s.Y) || len(held.Y) == 0 {
		t.Fatalf("%d of %d rows are held back", len(held.Y), len(s.Y))
	}
	for _, g := range held.Group {
		if slices.Contains(train.Group, g) {
			t.Errorf("prompt %d is on both sides", g)
		}
	}
}

// TestFoldsAreNotMixed: learners of different folds may score on different
// scales; that must neither help nor harm.
func TestFoldsAreNotMixed(t *testing.T) {
	s := Scored{Set: Set{Y: []int{0, 1, 0, 1}, Group: []int{0, 1, 2, 3}, Classes: 2}, Fold: []int{0, 0, 1, 1}}
	s.Scores = [][]float64{{0.9, 0.1}, {0.8, 0.2}, {0.2, 0.8}, {0.1, 0.9}}
	about(t, "AUC", s.AUC(), 1)
}

// TestShuffleKeepsPrompts: one label for each prompt, and as many of each.
func TestShuffleKeepsPrompts(t *testing.T) {
	s := prompts(5, 30, 4, 3, 1, 0)
	changed := false
	for seed := range uint64(5) {
		got := Shuffle(s, seed)
		if err := got.Check(); err != nil {
			t.Fatal(err)
		}
		changed = changed || !slices.Equal(got.Y, s.Y)
		a, b := slices.Sorted(slices.Values(got.Y)), slices.Sorted(slices.Values(s.Y))
		if !slices.Equal(a, b) {
			t.Error("there are other labels than before")
		}
	}
	if !changed {
		t.Error("nothing was shuffled")
	}
}

// TestBootstrapCovers: of many intervals of a known AUC, about as many as said
// hold it. Traces of a prompt are alike, so counting traces instead of prompts
// would make the interval far too narrow.
func TestBootstrapCovers(t *testing.T) {
	const rounds = 120
	truth := (1 + math.Erf(0.5)) / 2 // rows of deviation sqrt(2), moved by sqrt(2)
	var held, above, wrong int
	for i := range rounds {
		s := prompts(uint64(i), 80, 5, 2, 1, math.Sqrt2)
		score, positive := make([]float64, len(s.Y)), make([]bool, len(s.Y))
		for j := range score {
			score[j], positive[j] = s.X[j][0], s.Y[j] == 1
		}
		r := NewRanking(score, positive, nil)
		v := Bootstrap(s, 200, uint64(i), r.AUC)
		if v.Low <= truth && truth <= v.High {
			held++
		}
		if truth <= v.Upper {
			above++
		}
		alone := s
		alone.Group = make([]int, len(s.Y))
		for j := range alone.Group {
			alone.Group[j] = j
		}
		if v := Bootstrap(alone, 200, uint64(i), r.AUC); v.Low > truth || truth > v.High {
			wrong++
		}
	}
	t.Logf("of %d intervals %d hold the truth, %d bounds are above it; by traces %d miss", rounds, held, above, wrong)
	if held < rounds*88/100 || above < rounds*88/100 {
		t.Errorf("of %d intervals %d hold the truth, %d bounds are above it", rounds, held, above)
	}
	if wrong < rounds*20/100 {
		t.Errorf("by traces only %d of %d miss: the test shows nothing", wrong, rounds)
	}
}

// TestSmirnovUniform: exact p-values of equal distributions are rarely small.
func TestSmirnovUniform(t *testing.T) {
	r := random(6, 0)
	small := 0
	for range 500 {
		a, b := make([]float64, 20), make([]float64, 25)
		for i := range a {
			a[i] = r.NormFloat64()
		}
		for i := range b {
			b[i] = r.NormFloat64()
		}
		if _, p := Smirnov(a, b); p <= 0.05 {
			small++
		}
	}
	if small > 40 {
		t.Errorf("%d of 500 p-values are at most 0.05", small)
	}
	// The limit takes over where samples are large, without a jump.
	if e, l := reach(300, 300, 300*30), kolmogorov(math.Sqrt(150)*0.1); math.Abs(e-l) > 0.02 {
		t.Errorf("exact %v, limit %v", e, l)
	}
}

func TestCheckRefuses(t *testing.T) {
	ok := prompts(1, 6, 2, 2, 2, 1)
	if err := ok.Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Set){
		"empty":         func(s *Set) { s.X = nil },
		"short labels":  func(s *Set) { s.Y = s.Y[:3] },
		"ragged":        func(s *Set) { s.X[1] = s.X[1][:1] },
		"not finite":    func(s *Set) { s.X[1][0] = math.NaN() },
		"infinite":      func(s *Set) { s.X[1][0] = math.Inf(-1) },
		"stray label":   func(s *Set) { s.Y[0] = 2 },
		"one label":     func(s *Set) { clear(s.Y) },
		"two labels":    func(s *Set) { s.Group[0] = s.Group[3] },
		"no columns":    func(s *Set) { s.X = make([][]float64, len(s.X)) },
		"single class":  func(s *Set) { s.Classes = 1 },
		"missing class": func(s *Set) { s.Classes = 3 },
	} {
		s := prompts(1, 6, 2, 2, 2, 1)
		spoil(&s)
		if _, is := errors.AsType[*SetError](s.Check()); !is {
			t.Errorf("%s: not refused", name)
		}
	}
}
