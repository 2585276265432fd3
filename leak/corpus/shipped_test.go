package corpus

import (
	"errors"
	"testing"

	"abaton.local/leak/learn"
)

// TestShipped holds what is embedded to what the harness needs of it.
func TestShipped(t *testing.T) {
	shipped, size := 0, 0
	for _, set := range Sets() {
		about, recordings, err := Shipped(set)
		if _, missing := errors.AsType[*NotShippedError](err); missing {
			if _, err := Digest(set); err == nil {
				t.Errorf("%s has a digest and no recordings", set)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		shipped++
		text, err := shippedFile(set)
		if err != nil {
			t.Fatal(err)
		}
		size += len(text)
		if about.Version == "" || about.Model == "" || len(about.ModelDigest) < 64 || about.Engine == "" || about.Machine == "" || about.Recorded == "" || about.Temperature != 0.7 || about.MaxTokens < 1 {
			t.Errorf("%s: about is %+v", set, about)
		}
		if d, err := Digest(set); err != nil || len(d) != 64 {
			t.Errorf("%s: digest %q, %v", set, d, err)
		}
		empty := 0
		for _, r := range recordings {
			if len(r.Pieces) == 0 {
				empty++
			}
			if len(r.Pieces) > about.MaxTokens || r.PromptTokens < 10 {
				t.Errorf("%s: %d pieces to a prompt of %d tokens", r.Prompt, len(r.Pieces), r.PromptTokens)
			}
		}
		if empty > len(recordings)/20 {
			t.Errorf("%s: %d of %d answers are empty", set, empty, len(recordings))
		}
	}
	if shipped < 1 || size > 3<<19 {
		t.Errorf("%d sets are shipped, in %d bytes", shipped, size)
	}
	if _, _, err := Shipped("../prompts/topics"); err == nil {
		t.Error("a set that does not exist is shipped")
	}
}

// TestTopicsShipped: enough prompts of every label for a claim, and prompts of
// equally many tokens, or how long an engine reads would tell the topic.
func TestTopicsShipped(t *testing.T) {
	_, recordings, err := Shipped(Topics)
	if err != nil {
		t.Fatal(err)
	}
	label := make(map[string]string)
	for _, p := range Prompts(Topics) {
		label[p.ID] = p.Label
	}
	tokens := make(map[string][]float64)
	asked := make(map[string]bool)
	for _, r := range recordings {
		if !asked[r.Prompt] {
			tokens[label[r.Prompt]] = append(tokens[label[r.Prompt]], float64(r.PromptTokens))
		}
		asked[r.Prompt] = true
	}
	if len(tokens) != 5 {
		t.Errorf("there are %d labels", len(tokens))
	}
	for l, n := range tokens {
		if len(n) < 100 {
			t.Errorf("%d prompts on %s were answered; 100 are needed", len(n), l)
		}
		if d, _ := learn.Smirnov(n, tokens[Noise]); d > 0.15 {
			t.Errorf("the lengths in tokens of %s and of noise differ by %.3f", l, d)
		}
	}
}
