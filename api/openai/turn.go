package openai

import (
	"strings"

	"abaton.local/chat"
	"abaton.local/engine"
)

// turn collects one answer.
type turn struct {
	text, reasoning strings.Builder
	calls           []*call
	logProbs        []engine.LogProb
	finish          engine.Finish
}

// call collects one call.
type call struct {
	id, name  string
	arguments strings.Builder
}

// add takes a piece, and gives its size.
func (t *turn) add(d engine.Delta) (size int) {
	t.text.WriteString(d.Text)
	t.reasoning.WriteString(d.Reasoning)
	t.logProbs = append(t.logProbs, d.LogProbs...)
	size = len(d.Text) + len(d.Reasoning) + sizeOf(d.LogProbs)
	for _, c := range d.Calls {
		at := t.call(c)
		at.arguments.WriteString(c.Arguments)
		size += len(c.ID) + len(c.Name) + len(c.Arguments)
	}
	if d.Finish != "" {
		t.finish = d.Finish
	}
	return size
}

// call finds the call that a piece belongs to; a new one is always the next.
func (t *turn) call(c engine.CallDelta) *call {
	if c.Index < 0 || c.Index >= len(t.calls) {
		t.calls = append(t.calls, &call{id: c.ID, name: c.Name})
		return t.calls[len(t.calls)-1]
	}
	return t.calls[c.Index]
}

// turns collects the answers to one question, or to several that are asked one
// after the other with each answers to it.
type turns struct {
	each  int // answers to one question
	list  []*turn
	asked int // questions that are answered whole
	ended int // answers of the present one that are whole
	before,
	last engine.Usage // of questions answered whole; of the present one
	model string
	size  int
	cut   int // turns that were left out to make the rest fit
}

// add takes the next event. It tells which answer of all it belongs to, and
// whether that is a new one.
func (t *turns) add(e chat.Event) (place int, began bool) {
	if t.ended >= max(t.each, 1) {
		t.asked, t.ended = t.asked+1, 0
		t.before.PromptTokens += t.last.PromptTokens
		t.before.AnswerTokens += t.last.AnswerTokens
		t.last = engine.Usage{}
	}
	place = t.asked*max(t.each, 1) + e.Answer
	for len(t.list) <= place {
		t.list, began = append(t.list, &turn{}), true
	}
	t.size += t.list[place].add(e.Delta)
	t.model, t.cut = e.Model, max(t.cut, e.Cut)
	if e.Finish != "" {
		t.ended++
		t.last = e.Usage
	}
	return place, began
}

// usage is that of everything so far.
func (t *turns) usage() *usage {
	return usageOf(engine.Usage{PromptTokens: t.before.PromptTokens + t.last.PromptTokens, AnswerTokens: t.before.AnswerTokens + t.last.AnswerTokens})
}

// whole tells how many answers have come to their end.
func (t *turns) whole() int { return t.asked*max(t.each, 1) + t.ended }
