package leak

import (
	"fmt"

	"abaton.local/leak/learn"
)

// Choice is how well an attack names one of several labels: a topic of ten, a
// language of four.
type Choice struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Labels  []string `json:"labels"`
	Traces  int      `json:"traces_per_label"`  // of the label with fewest
	Prompts int      `json:"prompts_per_label"` // of the label with fewest

	Accuracy     float64        `json:"accuracy"`
	Within       learn.Interval `json:"accuracy_interval"` // over prompts
	Majority     float64        `json:"majority"`          // what always saying the commonest label gets
	Bits         float64        `json:"bits_per_response"`
	P            float64        `json:"p"` // of chance naming as many
	Permutations int            `json:"permutations"`
	Redone       int            `json:"permutations_made"`
	NullMean     float64        `json:"null_mean"`
	NullSD       float64        `json:"null_sd"`
	Named        [][]int        `json:"named"` // traces by label and by the label that was said
}

// Choose attacks traces that have one of several labels, and counts how often
// the right one is named. Chance is what the same work finds where labels are
// shuffled between prompts.
func (a Attack) Choose(traces []Trace, labels []string, e Effort) (Choice, error) {
	s, err := a.set(traces, labels)
	if err != nil {
		return Choice{}, fmt.Errorf("attack %s: %w", a.ID, err)
	}
	return a.choose(s.Prepared(), labels, e)
}

func (a Attack) choose(s learn.Set, labels []string, e Effort) (Choice, error) {
	said := a.scored(s, e.Folds, e.Seed)
	if len(said.Y) == 0 {
		return Choice{}, fmt.Errorf("attack %s: %w", a.ID, &learn.SetError{Reason: fmt.Sprintf("no prompt has %d traces in one part", a.Pool)})
	}
	c := Choice{ID: a.ID, Name: a.Name, Labels: labels, Permutations: e.Permutations}
	c.Traces, c.Prompts = fewest(said.Set)
	c.Accuracy, c.Majority = said.Accuracy()
	c.Bits = said.Calibrated().Bits()
	c.Named = make([][]int, len(labels))
	for k := range c.Named {
		c.Named[k] = make([]int, len(labels))
	}
	right := make([]bool, len(said.Y))
	for i, y := range said.Y {
		named := said.Likeliest(i)
		c.Named[y][named]++
		right[i] = named == y
	}
	c.Within = learn.Bootstrap(said.Set, e.Draws, e.Seed, func(weight []float64) float64 {
		var hit, all float64
		for i, w := range weight {
			all += w
			if right[i] {
				hit += w
			}
		}
		return hit / all
	})
	n := e.null(e.Seed)
	null := n.Draw(s, c.Accuracy, func(s learn.Set, seed uint64) float64 {
		accuracy, _ := a.scored(s, e.Folds, seed).Accuracy()
		return accuracy
	})
	c.P, c.Redone = n.P(c.Accuracy, null), len(null)
	c.NullMean, c.NullSD = meanDeviation(null)
	return c, nil
}
