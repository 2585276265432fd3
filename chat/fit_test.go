package chat

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"abaton.local/engine"
)

// counting answers what has at most window words, and refuses the rest as the
// engine does.
type counting struct {
	window int
	heard  []engine.Prompt
}

func (g *counting) Generate(_ context.Context, p engine.Prompt) iter.Seq2[engine.Delta, error] {
	g.heard = append(g.heard, p)
	return func(yield func(engine.Delta, error) bool) {
		words := 0
		for _, m := range p.Messages {
			words += len(strings.Fields(m.Content)) + 4
		}
		if words > g.window {
			yield(engine.Delta{}, &engine.Fault{Kind: engine.TooLong, What: "Too long.", Do: "Shorten it.", Tokens: words, Window: g.window})
			return
		}
		if !yield(engine.Delta{Text: "fine"}, nil) {
			return
		}
		yield(engine.Delta{Finish: engine.Stopped, Usage: engine.Usage{PromptTokens: words, AnswerTokens: 2}}, nil)
	}
}

func words(n int) string { return strings.TrimSpace(strings.Repeat("word ", n)) }

func TestLongConversationsAreFitted(t *testing.T) {
	messages := []engine.Message{{Role: engine.System, Content: "be brief"}}
	for i := range 20 {
		messages = append(messages, engine.Message{Role: engine.User, Content: fmt.Sprint(i, " ", words(20))}, engine.Message{Role: engine.Assistant, Content: words(30)})
	}
	messages = append(messages, engine.Message{Role: engine.User, Content: "the last " + words(10)})
	g := &counting{window: 300}
	events, err := collect(New(g, tiny).Answer(t.Context(), owner, Ask{Messages: messages, Fit: true}))
	if err != nil {
		t.Fatal(err)
	}
	sent := g.heard[len(g.heard)-1].Messages
	if sent[0].Content != "be brief" || sent[1].Role != engine.User || !strings.HasPrefix(sent[len(sent)-1].Content, "the last") {
		t.Errorf("what was kept: %v", sent)
	}
	if want := len(messages) - len(sent); events[0].Cut != want || want == 0 || events[1].Cut != 0 {
		t.Errorf("%d messages were left out, said was %d and %d", want, events[0].Cut, events[1].Cut)
	}
	if len(sent) < 6 {
		t.Errorf("only %d messages were kept where about 10 fit", len(sent))
	}
}

func TestWhatWasNotToBeFittedIsRefused(t *testing.T) {
	long := []engine.Message{{Role: engine.User, Content: words(50)}, {Role: engine.Assistant, Content: words(50)}, {Role: engine.User, Content: words(5)}}
	for name, ask := range map[string]Ask{
		"not wanted":      {Messages: long},
		"one turn":        {Messages: []engine.Message{{Role: engine.User, Content: words(200)}}, Fit: true},
		"the system's":    {Messages: []engine.Message{{Role: engine.System, Content: words(200)}, long[0], long[1], long[2]}, Fit: true},
		"the last is all": {Messages: append(long[:2:2], engine.Message{Role: engine.User, Content: words(200)}), Fit: true},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := collect(New(&counting{window: 60}, tiny).Answer(t.Context(), owner, ask))
			fault, is := errors.AsType[*engine.Fault](err)
			if !is || fault.Kind != engine.TooLong || fault.Window != 60 || len(events) != 0 {
				t.Errorf("%v, %v", events, err)
			}
		})
	}
}

// Whatever the conversation: what is sent is the system's head and a tail that
// begins with a person's turn, and a call of a tool never loses its result.
func TestFittingKeepsOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var messages []engine.Message
		if rapid.Bool().Draw(r, "system") {
			messages = append(messages, engine.Message{Role: engine.System, Content: words(3)})
		}
		head := len(messages)
		for range rapid.IntRange(1, 12).Draw(r, "turns") {
			messages = append(messages, engine.Message{Role: engine.User, Content: words(rapid.IntRange(0, 30).Draw(r, "asked"))})
			if rapid.Bool().Draw(r, "calls") {
				messages = append(messages, engine.Message{Role: engine.Assistant, Calls: []engine.Call{{ID: "c", Name: "f", Arguments: "{}"}}},
					engine.Message{Role: engine.FromTool, CallID: "c", Content: words(5)})
			}
			messages = append(messages, engine.Message{Role: engine.Assistant, Content: words(rapid.IntRange(0, 30).Draw(r, "said"))})
		}
		messages = append(messages, engine.Message{Role: engine.User, Content: words(3)})
		g := &counting{window: rapid.IntRange(20, 400).Draw(r, "window")}
		events, err := collect(New(g, tiny).Answer(t.Context(), owner, Ask{Messages: messages, Fit: true}))
		if err != nil {
			return // even the last turn is too long for so small a window
		}
		sent := g.heard[len(g.heard)-1].Messages
		cut := len(messages) - len(sent)
		if events[0].Cut != cut {
			r.Fatalf("%d left out, said %d", cut, events[0].Cut)
		}
		if sent[head].Role != engine.User {
			r.Fatalf("the rest begins with %s", sent[head].Role)
		}
		for i, m := range sent[head:] {
			if m.Content != messages[head+cut+i].Content {
				r.Fatal("something else than a head and a tail was sent")
			}
		}
		if len(g.heard) > len(messages) {
			r.Fatalf("%d tries for %d messages", len(g.heard), len(messages))
		}
	})
}

func TestSeveralAnswers(t *testing.T) {
	g := &counting{window: 100}
	ask := Ask{Messages: []engine.Message{{Role: engine.User, Content: "hi"}}, Answers: 3, Options: engine.Options{Seed: new(int64(1<<32 - 1))}}
	events, err := collect(New(g, tiny).Answer(t.Context(), owner, ask))
	if err != nil || len(events) != 6 || len(g.heard) != 3 {
		t.Fatal(events, err)
	}
	for i, want := range []int64{1<<32 - 1, 0, 1} {
		if *g.heard[i].Options.Seed != want || events[2*i].Answer != i || events[2*i+1].Usage != (engine.Usage{PromptTokens: 5, AnswerTokens: 2 * (i + 1)}) {
			t.Errorf("answer %d: seed %d, %+v", i, *g.heard[i].Options.Seed, events[2*i+1])
		}
	}
	for _, n := range []int{-1, MostAnswers + 1} {
		ask.Answers = n
		if _, err := collect(New(g, tiny).Answer(t.Context(), owner, ask)); err == nil {
			t.Errorf("%d answers were given", n)
		}
	}
}
