package openai

import (
	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
)

// Stream encodes the events of one answer as server-sent events. Frames have no
// id, retry or comment lines: one of the official client libraries raises an
// error on some of them (openai-python issue 2722).
type Stream struct {
	answer       Answer
	includeUsage bool
	begun        bool
}

// NewStream starts an answer.
func NewStream(a Answer, includeUsage bool) *Stream {
	return &Stream{answer: a, includeUsage: includeUsage}
}

type chunk struct {
	ID      string        `json:"id"`
	Object  string        `json:"object"`
	Created int64         `json:"created"`
	Model   string        `json:"model"`
	Choices []chunkChoice `json:"choices"`
}

// countedChunk is a chunk of a stream that was asked for its usage: null in
// every chunk but the last.
type countedChunk struct {
	chunk
	Usage *usage `json:"usage"`
}

type chunkChoice struct {
	Index        int            `json:"index"`
	Delta        delta          `json:"delta"`
	LogProbs     *struct{}      `json:"logprobs"`
	FinishReason *engine.Finish `json:"finish_reason"`
}

type delta struct {
	Role    string  `json:"role,omitempty"`
	Content *string `json:"content,omitempty"`
}

// Frames gives the frames of one event; they may be none. The first event also
// says who speaks; the last one, which has Finish set, also ends the stream.
func (s *Stream) Frames(e chat.Event) []byte {
	var out []byte
	if !s.begun {
		s.begun = true
		out = s.frame(out, e.Model, delta{Role: "assistant", Content: new("")}, nil)
	}
	if e.Text != "" {
		out = s.frame(out, e.Model, delta{Content: &e.Text}, nil)
	}
	if e.Finish == "" {
		return out
	}
	out = s.frame(out, e.Model, delta{}, &e.Finish)
	if s.includeUsage {
		out = appendFrame(out, wire.Encode(countedChunk{s.chunk(e.Model), usageOf(e.Usage)}))
	}
	return appendFrame(out, []byte("[DONE]"))
}

// Failure gives the frame that tells of a failure in mid-stream. The stream
// ends after it, without [DONE]: client libraries then raise an error instead
// of taking half an answer for a whole one.
func (s *Stream) Failure(p wire.Problem) []byte { return appendFrame(nil, Body(p)) }

func (s *Stream) chunk(model string) chunk {
	return chunk{ID: s.answer.ID, Object: "chat.completion.chunk", Created: s.answer.Created.Unix(), Model: model, Choices: []chunkChoice{}}
}

func (s *Stream) frame(out []byte, model string, d delta, finish *engine.Finish) []byte {
	c := s.chunk(model)
	c.Choices = []chunkChoice{{Delta: d, FinishReason: finish}}
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
