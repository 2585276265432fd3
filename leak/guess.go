package leak

import (
	"fmt"
	"math"

	"abaton.local/leak/learn"
)

// PromptGuess is how well the length of a prompt, in tokens, is guessed from what
// goes up and from when the first of the answer comes down.
type PromptGuess struct {
	Traces       int            `json:"traces"`
	Prompts      int            `json:"prompts"`
	Explained    float64        `json:"r_squared"` // 0: nothing; below: worse than saying always the mean
	Within       learn.Interval `json:"r_squared_interval"`
	Off          float64        `json:"tokens_off"`      // mean error of a guess
	OffMean      float64        `json:"tokens_off_mean"` // of always saying the mean
	P            float64        `json:"p"`
	Permutations int            `json:"permutations"`
	Longer       Outcome        `json:"longer"` // telling long prompts from short ones
}

// GuessPrompt is A7 as a regression, and as the question which of two halves a
// prompt belongs to. It needs traces that say how long their prompt was; ok is
// false where prompts do not differ in that.
func GuessPrompt(traces []Trace, e Effort) (g PromptGuess, ok bool, err error) {
	var a learn.Amounts
	var used []Trace
	prompt := make(map[string]int)
	different := false
	for _, t := range traces {
		if t.PromptTokens <= 0 {
			continue
		}
		if _, known := prompt[t.PromptID]; !known {
			prompt[t.PromptID] = len(prompt)
		}
		different = different || len(used) > 0 && t.PromptTokens != used[0].PromptTokens
		used = append(used, t)
		a.Y, a.Group = append(a.Y, float64(t.PromptTokens)), append(a.Group, prompt[t.PromptID])
	}
	if !different || len(prompt) < e.Folds {
		return g, false, nil
	}
	a.X = rows(used, upload)
	said := learn.Guess{}.Cross(a, e.Folds, e.Seed)
	g = PromptGuess{Traces: len(used), Prompts: len(prompt), Explained: said.Explained(nil), Permutations: e.Permutations}
	s := learn.Set{Y: make([]int, len(a.Y)), Group: a.Group, Classes: 1}
	g.Within = learn.Bootstrap(s, e.Draws, e.Seed, said.Explained)
	for i, y := range a.Y {
		g.Off += math.Abs(y-said.Said[i]) / float64(len(a.Y))
		g.OffMean += math.Abs(y-said.Mean[i]) / float64(len(a.Y))
	}
	// Prompts are numbered so that the shuffles, which move labels, move lengths.
	n := e.null(e.Seed)
	null := n.Draw(learn.Set{Classes: 1}, g.Explained, func(_ learn.Set, seed uint64) float64 {
		return learn.Guess{}.Cross(a.Mix(seed), e.Folds, seed).Explained(nil)
	})
	g.P = n.P(g.Explained, null)
	halves, labels := PromptLength(used)
	for _, attack := range Attacks() {
		if attack.ID == "A7" {
			if g.Longer, err = attack.Run(halves, labels, e); err != nil {
				return g, false, fmt.Errorf("length of prompts: %w", err)
			}
		}
	}
	return g, true, nil
}
