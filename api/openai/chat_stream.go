package openai

import (
	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
)

// ChatStream encodes the events of one answer as server-sent events. Frames
// have no id, retry or comment lines: one of the official client libraries
// raises an error on some of them (openai-python issue 2722).
type ChatStream struct {
	answer       Answer
	includeUsage bool
	legacy       bool
	turns        progress
}

// NewChatStream starts an answer.
func NewChatStream(a Answer, req Request) *ChatStream {
	return &ChatStream{answer: a, includeUsage: req.IncludeUsage, legacy: req.Legacy, turns: progress{want: max(req.Ask.Answers, 1)}}
}

// progress is what a stream remembers of the answers it sends.
type progress struct {
	begun map[int]bool
	want  int
	ended int
	last  int // that a piece came of
}

// starts tells whether this is the first piece of an answer.
func (p *progress) starts(answer int) bool {
	p.last = answer
	if p.begun[answer] {
		return false
	}
	if p.begun == nil {
		p.begun = map[int]bool{}
	}
	p.begun[answer] = true
	return true
}

// ends counts an answer that is whole, and tells whether it was the last.
func (p *progress) ends() bool {
	p.ended++
	return p.ended >= p.want
}

type chunk struct {
	ID        string        `json:"id"`
	Object    string        `json:"object"`
	Created   int64         `json:"created"`
	Model     string        `json:"model"`
	System    string        `json:"system_fingerprint,omitempty"`
	Choices   []chunkChoice `json:"choices"`
	Cut       int           `json:"abaton_cut,omitempty"`       // turns that were left out to make the rest fit; on the first
	Sources   []source      `json:"abaton_sources,omitempty"`   // of an answer from documents; before its first word
	Conflicts []conflict    `json:"abaton_conflicts,omitempty"` // of these, beside them
}

// countedChunk is a chunk of a stream that was asked for its usage: null in
// every chunk but the last.
type countedChunk struct {
	chunk
	Usage *usage `json:"usage"`
}

type chunkChoice struct {
	Index        int       `json:"index"`
	Delta        delta     `json:"delta"`
	LogProbs     *logProbs `json:"logprobs"`
	FinishReason *string   `json:"finish_reason"`
}

type delta struct {
	Role      string      `json:"role,omitempty"`
	Content   *string     `json:"content,omitempty"`
	Reasoning string      `json:"reasoning_content,omitempty"`
	Calls     []toolCall  `json:"tool_calls,omitempty"`
	Call      *calledFunc `json:"function_call,omitempty"`
}

// Frames gives the frames of one event; they may be none. The first event of an
// answer also says who speaks; the last one of the last answer, which has Finish
// set, also ends the stream.
func (s *ChatStream) Frames(e chat.Event) []byte {
	var out []byte
	cut := e.Cut
	send := func(c chunkChoice) {
		c.Index = e.Answer
		out = s.frame(out, e.Model, cut, c)
		cut = 0
	}
	if s.turns.starts(e.Answer) {
		send(chunkChoice{Delta: delta{Role: "assistant", Content: new("")}})
	}
	if e.Sources != nil {
		c := s.chunk(e.Model)
		c.Sources, c.Conflicts = sourcesOf(e.Sources), conflictsOf(e.Conflicts)
		c.Choices = []chunkChoice{{Index: e.Answer, Delta: delta{Content: new("")}}}
		if s.includeUsage {
			out = appendFrame(out, wire.Encode(countedChunk{chunk: c}))
		} else {
			out = appendFrame(out, wire.Encode(c))
		}
	}
	if e.Reasoning != "" {
		send(chunkChoice{Delta: delta{Reasoning: e.Reasoning}})
	}
	if e.Text != "" || len(e.LogProbs) > 0 {
		send(chunkChoice{Delta: delta{Content: &e.Text}, LogProbs: logProbsOf(e.LogProbs)})
	}
	for _, c := range e.Calls {
		send(chunkChoice{Delta: s.called(c)})
	}
	if e.Finish == "" {
		return out
	}
	send(chunkChoice{FinishReason: new(finishOf(e.Finish, s.legacy))})
	if !s.turns.ends() {
		return out
	}
	if s.includeUsage {
		out = appendFrame(out, wire.Encode(countedChunk{s.chunk(e.Model), usageOf(e.Usage)}))
	}
	return appendFrame(out, []byte("[DONE]"))
}

func (s *ChatStream) called(c engine.CallDelta) delta {
	f := calledFunc{c.Name, c.Arguments}
	if s.legacy {
		return delta{Call: &f}
	}
	t := toolCall{Index: &c.Index, ID: c.ID, Function: f}
	if c.ID != "" {
		t.Type = "function"
	}
	return delta{Calls: []toolCall{t}}
}

// Empty gives a chunk of this model that says nothing: at first the one that says
// who speaks.
func (s *ChatStream) Empty(model string) []byte {
	c := chunkChoice{Index: s.turns.last}
	if s.turns.starts(c.Index) {
		c.Delta = delta{Role: "assistant", Content: new("")}
	}
	return s.frame(nil, model, 0, c)
}

// Failure gives the frame that tells of a failure in mid-stream. The stream
// ends after it, without [DONE]: client libraries then raise an error instead
// of taking half an answer for a whole one.
func (s *ChatStream) Failure(p wire.Problem) []byte { return appendFrame(nil, Body(p)) }

func (s *ChatStream) chunk(model string) chunk {
	return chunk{ID: s.answer.ID, Object: "chat.completion.chunk", Created: s.answer.Created.Unix(), Model: model, System: s.answer.fingerprint(model), Choices: []chunkChoice{}}
}

func (s *ChatStream) frame(out []byte, model string, cut int, choice chunkChoice) []byte {
	c := s.chunk(model)
	c.Choices, c.Cut = []chunkChoice{choice}, cut
	if s.includeUsage {
		return appendFrame(out, wire.Encode(countedChunk{chunk: c}))
	}
	return appendFrame(out, wire.Encode(c))
}

func appendFrame(out, data []byte) []byte {
	out = append(out, "data: "...)
	out = append(out, data...)
	return append(out, "\n\n"...)
}
