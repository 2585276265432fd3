package leak

import (
	"fmt"
	"slices"
)

// Wider is what else was asked of a mode's traces than each topic against noise.
type Wider struct {
	Traces  int          `json:"traces"`
	Choices []Choice     `json:"choices,omitempty"` // among all labels at once
	Prompt  *PromptGuess `json:"prompt_length,omitempty"`
}

// A choice among all labels has many more traces than one topic and noise, so it
// is made of fewer of each prompt.
const widerTrials = 4

// widerAttacks are those that name one of several labels.
var widerAttacks = []string{"A1/runs", "A2"}

// Wider asks which of all labels a trace has, and how long its prompt was.
func (s Study) Wider(mode string, traces []Trace) (w Wider, err error) {
	labels := append([]string{s.Noise}, s.Topics...)
	some := s.evenly(traces, labels)
	w.Traces = len(some)
	digest, err := Digest(some)
	if err != nil {
		return w, err
	}
	effort := s.Effort
	effort.Permutations = leastShuffles
	if !hidesEnd(mode) {
		effort.Permutations = 0
	}
	for _, a := range s.Attacks {
		if !slices.Contains(widerAttacks, a.ID) || len(s.Topics) < 2 {
			continue
		}
		c, err := once(s, fmt.Sprintf("choice %s %s %v %s", mode, a.ID, effort, digest), func() (Choice, error) { return a.Choose(some, labels, effort) })
		if err != nil {
			return w, err
		}
		w.Choices = append(w.Choices, c)
	}
	w.Prompt, err = once(s, fmt.Sprintf("prompt %s %v %s", mode, effort, digest), func() (*PromptGuess, error) {
		g, ok, err := GuessPrompt(some, effort)
		if err != nil || !ok {
			return nil, err
		}
		return &g, nil
	})
	return w, err
}

// evenly is the first traces of each prompt. Where there are more prompts of noise
// than of a topic it has fewer of each, so that always saying noise is no good guess.
func (s Study) evenly(traces []Trace, labels []string) (some []Trace) {
	count := make(map[string]int)
	noise := make(map[int]int) // traces, by trial
	for _, t := range traces {
		switch {
		case t.Trial >= widerTrials:
		case t.Label == s.Noise:
			noise[t.Trial]++
		default:
			count[t.Label]++
		}
	}
	room := 0
	for _, topic := range s.Topics {
		room = max(room, count[topic])
	}
	for trial := range widerTrials {
		noise[trial] = min(noise[trial], room)
		room -= noise[trial]
	}
	for _, t := range traces {
		if t.Trial >= widerTrials || !slices.Contains(labels, t.Label) {
			continue
		}
		if t.Label == s.Noise {
			if noise[t.Trial] == 0 {
				continue
			}
			noise[t.Trial]--
		}
		some = append(some, t)
	}
	return some
}

// Leaks names what certainly told something, as Evidence.Leaks does.
func (w Wider) Leaks() (names []string) {
	var asked []Outcome
	for _, c := range w.Choices {
		asked = append(asked, Outcome{ID: c.ID, Labels: c.Labels, P: c.P, Permutations: c.Permutations})
	}
	if w.Prompt != nil {
		asked = append(asked, Outcome{ID: "A7", Labels: []string{"", "length of prompts"}, P: w.Prompt.P, Permutations: w.Prompt.Permutations})
	}
	return Evidence{Outcomes: asked}.Leaks()
}
