package openai

import (
	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
)

type completion struct {
	ID        string     `json:"id"`
	Object    string     `json:"object"`
	Created   int64      `json:"created"`
	Model     string     `json:"model"`
	System    string     `json:"system_fingerprint,omitempty"`
	Choices   []choice   `json:"choices"`
	Usage     *usage     `json:"usage"`
	Cut       int        `json:"abaton_cut,omitempty"` // turns that were left out to make the rest fit
	Sources   []source   `json:"abaton_sources,omitempty"`
	Conflicts []conflict `json:"abaton_conflicts,omitempty"`
}

type choice struct {
	Index        int       `json:"index"`
	Message      message   `json:"message"`
	LogProbs     *logProbs `json:"logprobs"`
	FinishReason string    `json:"finish_reason"`
}

type message struct {
	Role      string      `json:"role"`
	Content   *string     `json:"content"`
	Refusal   *string     `json:"refusal"`
	Reasoning string      `json:"reasoning_content,omitempty"`
	Calls     []toolCall  `json:"tool_calls,omitempty"`
	Call      *calledFunc `json:"function_call,omitempty"`
}

type toolCall struct {
	Index    *int       `json:"index,omitempty"` // in a stream
	ID       string     `json:"id,omitempty"`
	Type     string     `json:"type,omitempty"`
	Function calledFunc `json:"function"`
}

type calledFunc struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

// ChatWhole collects events into one body, for requests that do not stream.
type ChatWhole struct {
	answer Answer
	legacy bool
	turns  turns

	sources   []chat.Source
	conflicts []chat.Conflict
}

// NewChatWhole starts an answer.
func NewChatWhole(a Answer, req Request) *ChatWhole {
	return &ChatWhole{answer: a, legacy: req.Legacy, turns: turns{each: req.Ask.Answers}}
}

// Add takes the next event.
func (w *ChatWhole) Add(e chat.Event) {
	w.turns.add(e)
	if e.Sources != nil {
		w.sources, w.conflicts = e.Sources, e.Conflicts
	}
}

// Len is about what the answer takes so far, in bytes.
func (w *ChatWhole) Len() int { return w.turns.size }

// Encode gives the JSON body of the whole answer.
func (w *ChatWhole) Encode() []byte {
	choices := make([]choice, len(w.turns.list))
	for i, t := range w.turns.list {
		choices[i] = choice{i, w.message(t), logProbsOf(t.logProbs), finishOf(t.finish, w.legacy)}
	}
	return wire.Encode(completion{
		ID: w.answer.ID, Object: "chat.completion", Created: w.answer.Created.Unix(), Model: w.turns.model, System: w.answer.fingerprint(w.turns.model), Choices: choices, Usage: w.turns.usage(), Cut: w.turns.cut, Sources: sourcesOf(w.sources), Conflicts: conflictsOf(w.conflicts),
	})
}

func (w *ChatWhole) message(t *turn) message {
	m := message{Role: "assistant", Reasoning: t.reasoning.String()}
	if t.text.Len() > 0 || len(t.calls) == 0 {
		m.Content = new(t.text.String())
	}
	for _, c := range t.calls {
		f := calledFunc{c.name, c.arguments.String()}
		if w.legacy {
			m.Call = &f
		} else {
			m.Calls = append(m.Calls, toolCall{ID: c.id, Type: "function", Function: f})
		}
	}
	return m
}

// finishOf is why an answer ended, in the dialect's words.
func finishOf(f engine.Finish, legacy bool) string {
	if f == engine.Called && legacy {
		return "function_call"
	}
	return string(f)
}
