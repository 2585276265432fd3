package chat

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"abaton.local/engine"
	"abaton.local/models"
	"abaton.local/vault"
)

var owner = vault.Session{Person: vault.Owner}

// script is a generator that says what it is told to say.
type script struct {
	deltas []engine.Delta
	err    error // after the deltas
	heard  []engine.Prompt
	left   bool // the caller stopped before the end
}

func (g *script) Generate(ctx context.Context, p engine.Prompt) iter.Seq2[engine.Delta, error] {
	g.heard = append(g.heard, p)
	return func(yield func(engine.Delta, error) bool) {
		for _, d := range g.deltas {
			if !yield(d, nil) {
				g.left = true
				return
			}
		}
		if g.err != nil {
			yield(engine.Delta{}, g.err)
		}
	}
}

// shelf holds one model, which is the default, too.
type shelf struct{ passport models.Passport }

var errUnknown = errors.New("no such model")

func (s shelf) Find(name string) (models.Passport, error) {
	if name != s.passport.Name {
		return models.Passport{}, errUnknown
	}
	return s.passport, nil
}

func (s shelf) Default() (models.Passport, error) { return s.passport, nil }

var tiny = shelf{models.Passport{Name: "tiny", Digest: models.Digest{1, 2, 3}}}

func collect(seq iter.Seq2[Event, error]) (events []Event, err error) {
	for e, err := range seq {
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
	return events, nil
}

func TestAnswerCarriesThePromptDownAndTheDeltasUp(t *testing.T) {
	usage := engine.Usage{PromptTokens: 7, AnswerTokens: 2}
	g := &script{deltas: []engine.Delta{{Text: "Pa"}, {Text: "ris"}, {Finish: engine.Stopped, Usage: usage}}}
	ask := Ask{
		Model:    "tiny",
		Messages: []engine.Message{{Role: engine.User, Content: "capital of France?"}},
		Options:  engine.Options{MaxTokens: 9, Stop: []string{"\n"}},
	}
	events, err := collect(New(g, tiny).Answer(t.Context(), owner, ask))
	if err != nil {
		t.Fatal(err)
	}
	want := []Event{{Model: "tiny", Delta: g.deltas[0]}, {Model: "tiny", Delta: g.deltas[1]}, {Model: "tiny", Delta: g.deltas[2]}}
	if d := cmp.Diff(want, events); d != "" {
		t.Error(d)
	}
	heard := []engine.Prompt{{Person: "owner", Model: tiny.passport.Digest, Messages: ask.Messages, Options: ask.Options}}
	if d := cmp.Diff(heard, g.heard); d != "" {
		t.Error(d)
	}
}

func TestNoNameMeansTheDefaultModel(t *testing.T) {
	g := &script{deltas: []engine.Delta{{Text: "hi", Finish: engine.Stopped}}}
	events, err := collect(New(g, tiny).Answer(t.Context(), owner, Ask{}))
	if err != nil || len(events) != 1 || events[0].Model != "tiny" || g.heard[0].Model != tiny.passport.Digest {
		t.Errorf("%v, %v", events, err)
	}
}

func TestErrorsPassUpAndEndTheAnswer(t *testing.T) {
	fault := &engine.Fault{Kind: engine.Crashed, What: "The engine died.", Do: "Ask again."}
	for name, c := range map[string]struct {
		model string
		g     *script
		s     vault.Session
		want  func(error) bool
		text  int // events before the error
	}{
		"unknown model":    {"tni", &script{}, owner, func(err error) bool { return errors.Is(err, errUnknown) }, 0},
		"fault at once":    {"tiny", &script{err: fault}, owner, isFault, 0},
		"fault in the mid": {"tiny", &script{deltas: []engine.Delta{{Text: "a"}}, err: fault}, owner, isFault, 1},
		"no end":           {"tiny", &script{deltas: []engine.Delta{{Text: "a"}}}, owner, func(err error) bool { return errors.Is(err, ErrCutShort) }, 1},
		"nobody asks":      {"tiny", &script{}, vault.Session{}, func(err error) bool { return err != nil }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := collect(New(c.g, tiny).Answer(t.Context(), c.s, Ask{Model: c.model}))
			if err == nil || !c.want(err) || len(events) != c.text {
				t.Errorf("events %v, error %v", events, err)
			}
			if c.text == 0 && c.g.err == nil && len(c.g.heard) != 0 {
				t.Error("the engine was asked")
			}
		})
	}
}

func isFault(err error) bool {
	f, ok := errors.AsType[*engine.Fault](err)
	return ok && f.Kind == engine.Crashed
}

func TestCancelledContextIsSaid(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := collect(New(&script{}, tiny).Answer(ctx, owner, Ask{}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestLeavingTheLoopStopsTheGenerator(t *testing.T) {
	g := &script{deltas: []engine.Delta{{Text: "a"}, {Text: "b"}, {Finish: engine.Stopped}}}
	for range New(g, tiny).Answer(t.Context(), owner, Ask{}) {
		break
	}
	if !g.left {
		t.Error("the generator was not told")
	}
}

func TestNothingComesAfterTheEnd(t *testing.T) {
	g := &script{deltas: []engine.Delta{{Text: "a", Finish: engine.Stopped}, {Text: "smuggled"}}}
	events, err := collect(New(g, tiny).Answer(t.Context(), owner, Ask{}))
	if err != nil || len(events) != 1 {
		t.Errorf("%v, %v", events, err)
	}
}
