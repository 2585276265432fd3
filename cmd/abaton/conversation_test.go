package main

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"abaton.local/chat"
	"abaton.local/engine"
)

// roomy is an answerer with room for so many words, which answers with how
// many messages it heard.
type roomy struct {
	room  int
	heard [][]engine.Message
	fail  error // after the first piece
}

func (s *roomy) Answer(ctx context.Context, ask chat.Ask) iter.Seq2[chat.Event, error] {
	return func(yield func(chat.Event, error) bool) {
		words := 0
		for _, m := range ask.Messages {
			words += len(strings.Fields(m.Content))
		}
		if words > s.room {
			yield(chat.Event{}, &engine.Fault{Kind: engine.TooLong, What: "Too long.", Do: "Shorten it."})
			return
		}
		s.heard = append(s.heard, ask.Messages)
		if !yield(chat.Event{Model: "m", Delta: engine.Delta{Text: "fine "}}, nil) {
			return
		}
		if s.fail != nil {
			yield(chat.Event{}, s.fail)
			return
		}
		yield(chat.Event{Model: "m", Delta: engine.Delta{Text: "then", Finish: engine.Stopped, Usage: engine.Usage{PromptTokens: words, AnswerTokens: 2}}}, nil)
	}
}

func TestConversationRemembers(t *testing.T) {
	s := &roomy{room: 100}
	c := &conversation{answers: s}
	var shown strings.Builder
	for _, q := range []string{"one", "two"} {
		r, err := c.say(t.Context(), q, func(text string) error { shown.WriteString(text); return nil })
		if err != nil || r.text != "fine then" || r.usage.AnswerTokens != 2 || r.dropped != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if len(s.heard[1]) != 3 || s.heard[1][0].Content != "one" || s.heard[1][1].Role != engine.Assistant || s.heard[1][2].Content != "two" {
		t.Errorf("the second question came with %+v", s.heard[1])
	}
	if shown.String() != "fine thenfine then" {
		t.Errorf("shown: %q", shown.String())
	}
	c.forget()
	if _, err := c.say(t.Context(), "three", func(string) error { return nil }); err != nil || len(s.heard[2]) != 1 {
		t.Errorf("after /new: %+v, %v", s.heard[2], err)
	}
}

func TestConversationDropsTheOldest(t *testing.T) {
	s := &roomy{room: 10}
	c := &conversation{answers: s}
	ask := func(q string) reply {
		t.Helper()
		r, err := c.say(t.Context(), q, func(string) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	ask("a b c")
	ask("d e f")
	if r := ask("g h i"); r.dropped != 2 {
		t.Errorf("dropped %d messages, want 2", r.dropped)
	}
	if last := s.heard[len(s.heard)-1]; last[0].Content != "d e f" {
		t.Errorf("kept %+v", last)
	}
	_, err := c.say(t.Context(), strings.Repeat("x ", 50), func(string) error { return nil })
	if !tooLong(err) {
		t.Errorf("a question that can never fit: %v", err)
	}
	if len(c.turns) != 4 {
		t.Errorf("%d messages are left of the conversation, want 4: it was not at fault", len(c.turns))
	}
}

func TestWhatWasSaidBeforeAFaultIsKept(t *testing.T) {
	fault := &engine.Fault{Kind: engine.Crashed}
	s := &roomy{room: 100, fail: fault}
	c := &conversation{answers: s}
	_, err := c.say(t.Context(), "one", func(string) error { return nil })
	if !errors.Is(err, fault) || len(c.turns) != 2 || c.turns[1].Content != "fine " {
		t.Errorf("%v, %+v", err, c.turns)
	}
}

func TestAStoppedAnswerIsKept(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := &conversation{answers: &roomy{room: 100}}
	_, err := c.say(ctx, "one", func(string) error { cancel(); return ctx.Err() })
	if !errors.Is(err, context.Canceled) || len(c.turns) != 2 || c.turns[1].Content != "fine " {
		t.Errorf("%v, %+v", err, c.turns)
	}
}
