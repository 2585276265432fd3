package main

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"

	"abaton.local/chat"
	"abaton.local/engine"
)

// answerer is whoever answers: the rooms in this process, or a running serve.
type answerer interface {
	Answer(context.Context, chat.Ask) iter.Seq2[chat.Event, error]
}

// conversation is the turns of one sitting. They are in memory, and kept where
// somebody has a vault.
type conversation struct {
	answers answerer
	manner
	turns  []engine.Message
	memory *memory
}

// reply is what came of one question.
type reply struct {
	text   string
	model  string
	finish engine.Finish
	usage  engine.Usage
	// dropped counts the oldest messages that had to go to make room.
	dropped int
}

// say puts one question after what was said before and hands pieces of the
// answer to show as they come. When the conversation no longer fits into the
// model's context, the oldest question and answer go, again and again. What was
// answered until an error or a stop stays in the conversation; a question that
// got no answer does not. What is kept is the memory's, which has the question
// already.
func (c *conversation) say(ctx context.Context, question string, show func(string) error) (reply, error) {
	var r reply
	asked := engine.Message{Role: engine.User, Content: question}
	before := c.turns
	for {
		err := c.once(ctx, asked, &r, show)
		if tooLong(err) && len(c.turns) > 0 && r.text == "" {
			n := min(2, len(c.turns))
			c.turns = c.turns[n:]
			r.dropped += n
			continue
		}
		if tooLong(err) { // by itself: what was said before is not at fault
			c.turns, r.dropped = before, 0
		}
		if r.text != "" {
			c.turns = append(c.turns, asked, engine.Message{Role: engine.Assistant, Content: r.text})
		}
		return r, errors.Join(err, c.memory.answer(ctx, r, err))
	}
}

func (c *conversation) once(ctx context.Context, asked engine.Message, r *reply, show func(string) error) error {
	for e, err := range c.answers.Answer(ctx, c.ask(slices.Concat(c.turns, []engine.Message{asked})...)) {
		if err != nil {
			return err
		}
		r.text += e.Text
		r.model, r.finish, r.usage = e.Model, e.Finish, e.Usage
		if e.Text == "" {
			continue
		}
		c.memory.touch()
		if err := show(e.Text); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// forget begins a new conversation.
func (c *conversation) forget() {
	c.turns = nil
	c.memory.another()
}

// tooLong reports whether err says that the messages do not fit the context.
func tooLong(err error) bool {
	if f, ok := errors.AsType[*engine.Fault](err); ok {
		return f.Kind == engine.TooLong
	}
	if e, ok := errors.AsType[*remoteError](err); ok {
		return e.Code == "context_length_exceeded" && e.Status == http.StatusBadRequest
	}
	return false
}
