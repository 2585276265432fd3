package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestAnswer(t *testing.T) {
	e := start(t, nil)
	p := ask("Name the capital of France.", 0)
	text, last, err := collect(t.Context(), e, p)
	if err != nil || text != "The capital of France is Paris." || last.Finish != Stopped {
		t.Errorf("%q %+v %v", text, last, err)
	}
	if last.Usage.PromptTokens != 36 || last.Usage.AnswerTokens != 8 {
		t.Errorf("%+v", last.Usage)
	}

	p.Options.MaxTokens = 3
	if text, last, err = collect(t.Context(), e, p); err != nil || last.Finish != Length || last.Usage.AnswerTokens != 3 {
		t.Errorf("%q %+v %v", text, last, err)
	}
	p.Options.MaxTokens, p.Options.Stop = 0, []string{" is"}
	if text, last, err = collect(t.Context(), e, p); err != nil || last.Finish != Stopped || text != "The capital of France" {
		t.Errorf("%q %+v %v", text, last, err)
	}
	p.Options = Options{Temperature: new(0.0), MaxTokens: 60, JSONSchema: []byte(
		`{"type":"object","properties":{"capital":{"type":"string","maxLength":20},"sure":{"type":"boolean"}},"required":["capital","sure"],"additionalProperties":false}`)}
	text, _, err = collect(t.Context(), e, p)
	if err != nil || !strings.HasPrefix(strings.TrimSpace(text), "{") || !strings.Contains(text, `"capital"`) {
		t.Errorf("%q %v", text, err)
	}
	p.Options = Options{JSONObject: true, MaxTokens: 40, Temperature: new(0.0)}
	if text, _, err = collect(t.Context(), e, p); err != nil || !strings.HasPrefix(strings.TrimSpace(text), "{") {
		t.Errorf("%q %v", text, err)
	}
	// Every option at the ends of its range is taken.
	for _, o := range []Options{
		{Temperature: new(0.0), TopP: new(0.0), TopK: new(0), MinP: new(0.0), FrequencyPenalty: new(-2.0), PresencePenalty: new(-2.0), Seed: new(int64(0)), MaxTokens: 1},
		{Temperature: new(2.0), TopP: new(1.0), TopK: new(1000), MinP: new(1.0), FrequencyPenalty: new(2.0), PresencePenalty: new(2.0), Seed: new(int64(4294967295)), MaxTokens: 1},
	} {
		p.Options = o
		if _, _, err := collect(t.Context(), e, p); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if n := len(e.Workers()); n != 1 {
		t.Errorf("%d workers for one person and model", n)
	}
}

func TestConversation(t *testing.T) {
	e := start(t, nil)
	p := ask("", 12)
	p.Messages = []Message{
		{Role: System, Content: "You are helpful."}, {Role: User, Content: "My name is Bruno."}, {Role: Assistant, Content: "Hello Bruno."}, {Role: User, Content: "Repeat my name."},
	}
	if text, _, err := collect(t.Context(), e, p); err != nil || !strings.Contains(text, "Bruno") {
		t.Errorf("%q %v", text, err)
	}
	// A last answer is continued.
	p.Messages = []Message{{Role: User, Content: "Name the capital of France."}, {Role: Assistant, Content: "The capital of France is"}}
	if text, _, err := collect(t.Context(), e, p); err != nil || !strings.HasPrefix(text, " Paris") {
		t.Errorf("%q %v", text, err)
	}
}

func TestTooLong(t *testing.T) {
	e, ask := startTiny(t, nil, func(c *Config) { c.ContextTokens = 256 })
	_, _, err := collect(t.Context(), e, ask(strings.Repeat("bado ", 2000), 4))
	f := faultOf(t, err, TooLong)
	if !strings.Contains(f.What, "256") {
		t.Errorf("no numbers: %s", f)
	}
	// The text alone fits, but not with what the template adds: the engine says so.
	w := workerOf(t, e, ask("", 0))
	n := 250
	for ; n > 0; n-- {
		if tokens, err := w.client.tokenize(t.Context(), []string{strings.Repeat("ba", n)}, true); err == nil && len(tokens) < 256 {
			break
		}
	}
	_, _, err = collect(t.Context(), e, ask(strings.Repeat("ba", n), 4))
	if f = faultOf(t, err, TooLong); !strings.Contains(f.What, "256") {
		t.Errorf("no numbers: %s", f)
	}
	// The context used up by the answer is an end, not a fault.
	text, last, err := collect(t.Context(), e, ask("bado", 0))
	if err != nil || last.Finish != Length || last.Usage.PromptTokens+last.Usage.AnswerTokens < 250 {
		t.Errorf("%d bytes, %+v, %v", len(text), last, err)
	}
}

func TestLeaving(t *testing.T) {
	e, ask := startTiny(t, nil, nil)
	for d, err := range e.Generate(t.Context(), ask("bado", 0)) {
		if err != nil || d.Finish != "" {
			t.Fatalf("%+v %v", d, err)
		}
		break
	}
	idle(t, e, ask("", 0))

	ctx, cancel := context.WithCancel(t.Context())
	var got error
	for _, err := range e.Generate(ctx, ask("bado", 0)) {
		cancel()
		got = err
	}
	if !errors.Is(got, context.Canceled) {
		t.Errorf("the last error is %v", got)
	}
	idle(t, e, ask("", 0))

	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, _, err := collect(ctx, e, ask("bado", 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if n := len(e.Workers()); n != 1 {
		t.Errorf("%d workers: a cancelled question must not cost one", n)
	}
}

// idle waits until the engine's slot has stopped.
func idle(t *testing.T, e *Engine, p Prompt) {
	t.Helper()
	w := workerOf(t, e, p)
	for {
		var slots []struct {
			Busy bool `json:"is_processing"`
		}
		if err := w.client.call(t.Context(), "GET", "/slots", nil, &slots); err != nil {
			t.Fatal(err)
		}
		if len(slots) == 1 && !slots[0].Busy {
			return
		}
	}
}
