package leak

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"abaton.local/leak/corpus"
	"abaton.local/leak/learn"
)

// TestOrdersOfTheirOwn: each way asks the same in an order of its own, and always
// in that one, so that a run goes on; another seed draws another.
func TestOrdersOfTheirOwn(t *testing.T) {
	var prompts []corpus.Prompt
	var answers []corpus.Recording
	for i := range 20 {
		p := corpus.Prompt{ID: fmt.Sprint(i), Set: corpus.Topics, Label: []string{corpus.Noise, "hiv"}[i%2]}
		prompts, answers = append(prompts, p), append(answers, corpus.Recording{Prompt: p.ID})
	}
	keys := func(seed uint64, way string) (out []string) {
		plan := Plan{Topics: []string{"hiv"}, Modes: []string{"off", "sealed"}, Prompts: 10, Trials: 3, Seed: seed}
		jobs, _, err := plan.Jobs(way, prompts, answers)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range jobs {
			out = append(out, j.Key())
		}
		return out
	}
	first := keys(1, "openai-h1")
	if !slices.Equal(first, keys(1, "openai-h1")) {
		t.Error("a way has two orders")
	}
	for name, other := range map[string][]string{"way": keys(1, "openai-h2"), "seed": keys(2, "openai-h1")} {
		same := 0
		for i := range first {
			if first[i] == other[i] {
				same++
			}
		}
		if same > 10 || !slices.Equal(slices.Sorted(slices.Values(first)), slices.Sorted(slices.Values(other))) {
			t.Errorf("another %s: %d of %d stand in the same place", name, same, len(first))
		}
	}
}

// TestMoreNoise: of more prompts of noise fewer traces each are taken, as many in all
// as of a topic, and a plan that asks for no more is written as it ever was.
func TestMoreNoise(t *testing.T) {
	var prompts []corpus.Prompt
	var answers []corpus.Recording
	for i := range 60 {
		p := corpus.Prompt{ID: fmt.Sprint(i), Set: corpus.Topics, Label: corpus.Noise}
		if i < 20 {
			p.Label = []string{"hiv", "law"}[i%2]
		}
		prompts, answers = append(prompts, p), append(answers, corpus.Recording{Prompt: p.ID})
	}
	for noise, each := range map[int][]int{0: {6}, 10: {6}, 30: {2}, 40: {1, 2}} {
		plan := Plan{Topics: []string{"hiv", "law"}, Modes: []string{"off", "sealed"}, Prompts: 10, Trials: 6, Noise: noise, Seed: 1}
		jobs, _, err := plan.Jobs("openai-h1", prompts, answers)
		if err != nil {
			t.Fatal(err)
		}
		traces, trials, keys := make(map[string]int), make(map[string]int), make(map[string]bool)
		for _, j := range jobs {
			keys[j.Key()] = true
			if j.Mode == "off" {
				traces[j.Prompt.Label]++
				trials[j.Prompt.Label+" "+j.Prompt.ID]++
			}
		}
		if len(keys) != len(jobs) || traces[corpus.Noise] != 60 || traces["hiv"] != 60 || traces["law"] != 60 {
			t.Errorf("%d prompts of noise: %v traces, %d of %d jobs differ", noise, traces, len(keys), len(jobs))
		}
		asked := 0
		for prompt, n := range trials {
			if label, _, _ := strings.Cut(prompt, " "); label == corpus.Noise {
				asked++
				if !slices.Contains(each, n) {
					t.Errorf("%d prompts of noise: %d traces of one", noise, n)
				}
			} else if n != 6 {
				t.Errorf("%d prompts of noise: %d traces of %s", noise, n, prompt)
			}
		}
		if asked != max(noise, 10) {
			t.Errorf("%d prompts of noise: %d are asked", noise, asked)
		}
		text, err := json.Marshal(plan)
		if err != nil || strings.Contains(string(text), "noise") != (noise > 0) {
			t.Errorf("%s %v", text, err)
		}
	}
	_, _, err := Plan{Topics: []string{"hiv"}, Modes: []string{"off"}, Prompts: 10, Trials: 6, Noise: 41}.Jobs("openai-h1", prompts, answers)
	if short, is := errors.AsType[*TooLittleError](err); !is || short.Label != corpus.Noise || short.Wanted != 41 || short.Have != 40 {
		t.Errorf("of 40 prompts 41 were asked: %v", err)
	}
}

// TestUnevenPrompts: attacks that add up traces are left out where prompts of one
// label have too few; the others judge such traces, and the choice among all labels
// has about as many of each.
func TestUnevenPrompts(t *testing.T) {
	var traces []Trace
	r := rand.New(rand.NewPCG(7, 7))
	for p := range 40 {
		label, times := "noise", 2
		if p < 16 {
			label, times = []string{"law", "health"}[p%2], 5
		}
		for trial := range times {
			tr := raw(r, 0)
			tr.Label, tr.PromptID, tr.Trial, tr.PromptTokens = label, fmt.Sprint("p", p), trial, 5+p%7
			traces = append(traces, tr)
		}
	}
	s := Study{Noise: "noise", Topics: []string{"law", "health"}, Attacks: Unpooled(light(), traces), Effort: Effort{Folds: 4, Draws: 20, Permutations: 5, Seed: 1}}
	if len(s.Attacks) != len(light())-1 {
		t.Errorf("%d of %d attacks are left where noise has two traces of a prompt", len(s.Attacks), len(light()))
	}
	light := named(t, "A0")
	light.Learner = learn.Forest{Trees: 5}
	if o, err := light.Run(traces, []string{"noise", "law"}, s.Effort); err != nil || o.Traces != 40 || o.Prompts != 8 || o.P <= 0 {
		t.Errorf("%+v %v", o, err)
	}
	some := s.evenly(traces, []string{"noise", "law", "health"})
	count := make(map[string]int)
	for _, tr := range some {
		count[tr.Label]++
	}
	if count["law"] != 32 || count["health"] != 32 || count["noise"] != 32 {
		t.Errorf("the choice is among %v", count)
	}
}
