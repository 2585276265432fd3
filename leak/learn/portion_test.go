package learn

import (
	"slices"
	"testing"
)

// uneven is rows of few prompts asked often, which have the label 1, and of many
// asked once. Rows of a prompt are much alike, and nothing goes with the label.
func uneven(seed uint64, few, times, many int) (s Set) {
	r := random(seed, 7)
	s.Classes = 2
	for p := range few + many {
		own, rows, label := r.NormFloat64(), times, 1
		if p >= few {
			rows, label = 1, 0
		}
		for range rows {
			s.X, s.Y, s.Group = append(s.X, []float64{own + 0.3*r.NormFloat64()}), append(s.Y, label), append(s.Group, p)
		}
	}
	return s
}

// TestPortioned: whatever numbers of rows prompts have, each label keeps its number
// of rows, up to one prompt's, and each prompt has one label.
func TestPortioned(t *testing.T) {
	r := random(1, 8)
	for seed := range uint64(300) {
		var s Set
		s.Classes = 2 + r.IntN(4)
		most := 0
		for p := range 40 + r.IntN(60) {
			rows := 1 + r.IntN(9)
			most = max(most, rows)
			for range rows {
				s.Y, s.Group = append(s.Y, p%s.Classes), append(s.Group, p)
			}
		}
		count := func(s Set) []int {
			n := make([]int, s.Classes)
			for _, y := range s.Y {
				n[y]++
			}
			return n
		}
		got := Shuffle(s, seed)
		if slices.Equal(got.Y, s.Y) {
			t.Fatalf("seed %d: nothing was shuffled", seed)
		}
		for k, n := range count(s) {
			if far := count(got)[k] - n; far > most || far < -most {
				t.Errorf("seed %d: label %d has %d rows and had %d, a prompt %d at most", seed, k, n+far, n, most)
			}
		}
		of := make(map[int]int)
		for i, g := range got.Group {
			if y, known := of[g]; known && y != got.Y[i] {
				t.Fatalf("seed %d: prompt %d has two labels", seed, g)
			}
			of[g] = got.Y[i]
		}
	}
}

// TestPromptForPrompt: where prompts are asked equally often, and where a label has
// fewer rows than a prompt, each label keeps its number of prompts.
func TestPromptForPrompt(t *testing.T) {
	even := prompts(3, 30, 4, 3, 1, 0)
	rare := even
	rare.Y, rare.Group = slices.Clone(even.Y[:119]), even.Group[:119] // the last prompt lacks a row
	for i := range rare.Y {
		rare.Y[i] = min(rare.Group[i], 1)
	}
	rare.Y, rare.Group = rare.Y[2:], rare.Group[2:] // so does the one that has label 0
	for name, s := range map[string]Set{"even": even, "rare": rare, "empty": {Classes: 1}} {
		if got := Shuffle(s, 5).Y; !slices.Equal(got, dealt(s.Y, s.Group, 5)) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestUnevenNullIsHonest: where prompts of one label have eight times as many rows,
// p-values of nothing are uniform; with labels given prompt for prompt chance spreads
// too wide.
func TestUnevenNullIsHonest(t *testing.T) {
	area := func(s Set) float64 {
		score, positive := make([]float64, len(s.Y)), make([]bool, len(s.Y))
		for i, y := range s.Y {
			score[i], positive[i] = s.X[i][0], y == 1
		}
		return NewRanking(score, positive, nil).AUC(nil)
	}
	var honest, wide []float64
	lots := random(2, 9)
	for seed := range uint64(260) {
		s := uneven(10_000+seed, 12, 8, 96)
		seen := area(s)
		place := func(shuffled func(seed uint64) Set) float64 {
			above := 0
			for i := range uint64(19) {
				if area(shuffled(seed*1000+i)) > seen {
					above++
				}
			}
			return (float64(above) + lots.Float64()) / 20
		}
		honest = append(honest, place(func(seed uint64) Set { return Shuffle(s, seed) }))
		wide = append(wide, place(func(seed uint64) Set {
			given := s
			given.Y = dealt(s.Y, s.Group, seed)
			return given
		}))
	}
	_, p := Uniform(honest)
	_, other := Uniform(wide)
	t.Logf("uniform with p %.3f; prompt for prompt with p %.6f", p, other)
	if p < 0.01 {
		t.Errorf("p-values of nothing are not uniform: %.4f", p)
	}
	if other > 0.01 {
		t.Errorf("given prompt for prompt they are uniform, too (%.4f): nothing is shown", other)
	}
}
