package leak

import (
	"fmt"
	"slices"
	"testing"

	"abaton.local/leak/corpus"
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
