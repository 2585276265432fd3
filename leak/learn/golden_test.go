package learn

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"
)

// golden is testdata/golden.json, made by golden.py beside it.
type golden struct {
	Binary, Several goldenCase
	Binomial        []struct {
		K, N             int
		Level, Low, High float64
	}
	Smirnov []struct {
		A, B        []float64
		Distance, P float64
	}
}

type goldenCase struct {
	Classes     int
	Train, Test [2]json.RawMessage
	Said        map[string]struct {
		Scores    []float64
		AUC       float64
		ScoreAUC  float64   `json:"score_auc"`
		Precision float64   `json:"score_precision"`
		TPR       []float64 `json:"score_tpr"`
	}
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func goldenSet(t *testing.T, part [2]json.RawMessage, classes int) Set {
	t.Helper()
	s := Set{Classes: classes}
	if err := json.Unmarshal(part[0], &s.X); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(part[1], &s.Y); err != nil {
		t.Fatal(err)
	}
	for i := range s.Y {
		s.Group = append(s.Group, i)
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAsScikitLearn holds our learners against scikit-learn's on the same data:
// as good to within a hundredth of AUC, in neither direction worse or luckier.
func TestAsScikitLearn(t *testing.T) {
	g := readGolden(t)
	for _, c := range []goldenCase{g.Binary, g.Several} {
		train, test := goldenSet(t, c.Train, c.Classes), goldenSet(t, c.Test, c.Classes)
		for name, l := range map[string]Learner{
			"boost":      Boost{},
			"forest":     Forest{Trees: 400},
			"neighbours": Neighbours{},
		} {
			t.Run(fmt.Sprintf("%s of %d", name, c.Classes), func(t *testing.T) {
				said := Scored{Set: test, Fold: make([]int, len(test.Y))}
				m := l.Fit(train, 1)
				for _, row := range test.X {
					said.Scores = append(said.Scores, m.Scores(row))
				}
				ours, theirs := said.AUC(), c.Said[name].AUC
				t.Logf("AUC %.4f, scikit-learn %.4f", ours, theirs)
				if !(math.Abs(ours-theirs) <= 0.01) {
					t.Errorf("AUC %.4f, scikit-learn says %.4f", ours, theirs)
				}
			})
		}
	}
}

// TestMetricsAsScikitLearn asks for the same numbers of the same scores.
func TestMetricsAsScikitLearn(t *testing.T) {
	c := readGolden(t).Binary
	test := goldenSet(t, c.Test, 2)
	positive := make([]bool, len(test.Y))
	for i, y := range test.Y {
		positive[i] = y == 1
	}
	for name, said := range c.Said {
		r := NewRanking(said.Scores, positive, nil)
		average, _ := r.Precision(nil)
		for what, v := range map[string][2]float64{
			"AUC":       {r.AUC(nil), said.ScoreAUC},
			"precision": {average, said.Precision},
			"TPR at 1%": {r.TPR(0.01, nil), said.TPR[0]},
			"at 10 %":   {r.TPR(0.1, nil), said.TPR[1]},
		} {
			if !(math.Abs(v[0]-v[1]) < 1e-12) {
				t.Errorf("%s, %s: %v, scikit-learn says %v", name, what, v[0], v[1])
			}
		}
	}
}

func TestAsSciPy(t *testing.T) {
	g := readGolden(t)
	for _, b := range g.Binomial {
		low, high := ClopperPearson(b.K, b.N, b.Level)
		if !(math.Abs(low-b.Low) < 1e-9*b.Low+1e-15) || !(math.Abs(high-b.High) < 1e-9) {
			t.Errorf("%d of %d at %v: %v to %v, SciPy says %v to %v", b.K, b.N, b.Level, low, high, b.Low, b.High)
		}
	}
	for _, s := range g.Smirnov {
		d, p := Smirnov(s.A, s.B)
		if !(math.Abs(d-s.Distance) < 1e-12) || !(math.Abs(p-s.P) < 1e-9) {
			t.Errorf("%d against %d: distance %v p %v, SciPy says %v and %v", len(s.A), len(s.B), d, p, s.Distance, s.P)
		}
	}
}
