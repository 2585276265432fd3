package engine

import (
	"context"
	"testing"
	"time"
)

// What is counted is what an answer's usage says.
func TestCount(t *testing.T) {
	for name, make := range engines(t) {
		t.Run(name, func(t *testing.T) {
			e, ask := make()
			plain, tools, back := ask("Name the capital of France. <|im_start|>", 1), ask("What is the weather?", 1), withTools()
			tools.Options.Tools = []Tool{weather, clock}
			back.Model, back.Options.MaxTokens, back.Options.ToolChoice = plain.Model, 1, NoCall
			text := Prompt{Person: "anna", Model: plain.Model, Text: "The capital of <|im_start|> France", Options: Options{MaxTokens: 1}}
			seen := map[int]bool{}
			for _, p := range []Prompt{plain, tools, back, text} {
				n, err := e.Count(t.Context(), p)
				if err != nil || seen[n] {
					t.Fatalf("%d %v", n, err)
				}
				seen[n] = true
				if s, err := hear(t, t.Context(), e, p); err != nil || s.last.Usage.PromptTokens != n {
					t.Errorf("%d counted, %+v %v", n, s.last.Usage, err)
				}
			}
			if len(e.Workers()) != 1 {
				t.Errorf("%d workers", len(e.Workers()))
			}
		})
	}
}

// A cancelled answer frees the worker for the next question, which is answered
// right, by the same process.
func TestCancelFreesTheWorker(t *testing.T) {
	e := start(t, nil)
	p := ask("Write a long story about a river.", 0)
	pid := 0
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		for _, err := range e.Generate(ctx, p) {
			if err == nil {
				pid = workerOf(t, e, p).proc.PID()
				cancel()
			}
		}
		cancel()
		idle(t, e, p)
		s, err := hear(t, t.Context(), e, ask("Name the capital of France.", 0))
		if err != nil || s.text != "The capital of France is Paris." || workerOf(t, e, p).proc.PID() != pid {
			t.Errorf("%+v %v", s, err)
		}
	}
	// Also while the prompt is read.
	long := ask("", 1)
	for range 60 {
		long.Messages[0].Content += "The quick brown fox jumps over the dog. "
	}
	ctx, cancel := context.WithCancel(t.Context())
	stop := time.AfterFunc(50*time.Millisecond, cancel)
	defer stop.Stop()
	_, _ = hear(t, ctx, e, long)
	idle(t, e, p)
	if s, err := hear(t, t.Context(), e, ask("Name the capital of France.", 0)); err != nil || s.text != "The capital of France is Paris." {
		t.Errorf("%+v %v", s, err)
	}
}

func TestKeepAliveOfOnePrompt(t *testing.T) {
	e, ask := startTiny(t, nil, func(c *Config) { c.KeepAlive = time.Hour })
	p := ask("bado", 2)
	p.KeepAlive = new(time.Duration(0))
	if _, err := hear(t, t.Context(), e, p); err != nil {
		t.Fatal(err)
	}
	gone(t, e, p)

	// One that stays as long as its person does, whatever time passes.
	p.KeepAlive = new(-time.Second)
	if _, err := hear(t, t.Context(), e, p); err != nil {
		t.Fatal(err)
	}
	w := workerOf(t, e, p)
	e.sweep(time.Now().Add(1000 * time.Hour))
	if w.life.Err() != nil {
		t.Error("it was ended")
	}
	// The default comes back with the next prompt.
	p.KeepAlive = nil
	if _, err := hear(t, t.Context(), e, p); err != nil {
		t.Fatal(err)
	}
	if e.sweep(time.Now().Add(30 * time.Minute)); w.life.Err() != nil {
		t.Error("it was ended too soon")
	}
	if e.sweep(time.Now().Add(2 * time.Hour)); w.life.Err() == nil {
		t.Error("it was not ended")
	}
	gone(t, e, p)
}

func TestUnload(t *testing.T) {
	e, ask := startTiny(t, nil, nil)
	p, other := ask("bado", 2), ask("bado", 2)
	other.Person = "bela"
	for _, p := range []Prompt{p, other} {
		if _, err := hear(t, t.Context(), e, p); err != nil {
			t.Fatal(err)
		}
	}
	e.Unload(p.Person, p.Model)
	gone(t, e, p)
	if w := workerOf(t, e, other); w.life.Err() != nil {
		t.Error("another person's was ended")
	}
	// At work it ends when it is done.
	next, stop := pull(t, e, p)
	next()
	w := workerOf(t, e, p)
	e.Unload(p.Person, p.Model)
	if next(); w.life.Err() != nil {
		t.Error("an answer was cut short")
	}
	stop()
	gone(t, e, p)
	e.Unload("nobody", p.Model)
}

// gone waits until the worker of p has ended.
func gone(t *testing.T, e *Engine, p Prompt) {
	t.Helper()
	e.mu.Lock()
	s := e.seats[key{model: p.Model, person: p.Person}]
	if s == nil || s.worker == nil {
		e.mu.Unlock()
		return
	}
	w := s.worker
	e.mu.Unlock()
	if w.life.Err() == nil {
		t.Error("the worker was not ended")
		return
	}
	<-w.gone
}
