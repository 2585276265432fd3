package ollama

import (
	"strings"

	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
)

// Stream encodes the events of one answer as lines of JSON.
type Stream struct {
	speaker
	calls calls
	cut   int
}

// NewStream starts the answer to a request. times is asked once for each line.
func (r Request) NewStream(times func() Times) *Stream {
	return &Stream{speaker: r.speaker(times)}
}

func (r Request) speaker(times func() Times) speaker {
	return speaker{model: r.Model, generate: r.Generate, times: times}
}

// Frames gives the lines of one event; they may be none. Reasoning and text never
// share a line: one of the client libraries drops the text of such a line. Calls
// come whole, just before the last line, which has neither.
func (s *Stream) Frames(e chat.Event) []byte {
	var out []byte
	say := func(l line) { out = append(append(out, s.line(l, e.Model)...), '\n') }
	if e.Reasoning != "" {
		say(line{thinking: e.Reasoning})
	}
	if e.Text != "" || len(e.LogProbs) > 0 {
		say(line{text: e.Text, logProbs: e.LogProbs})
	}
	s.calls.add(e.Calls)
	s.cut = max(s.cut, e.Cut)
	if e.Finish == "" {
		return out
	}
	if all := s.calls.whole(); len(all) > 0 {
		say(line{calls: all})
	}
	say(line{reason: reasonOf(e.Finish), usage: e.Usage, cut: s.cut})
	return out
}

// Empty gives a line of this model without text.
func (s *Stream) Empty(model string) []byte { return append(s.line(line{}, model), '\n') }

// Failure gives the line that tells of a failure in mid-stream. The stream ends
// after it, and client libraries raise an error.
func (s *Stream) Failure(p wire.Problem) []byte { return append(Body(p), '\n') }

// Whole collects events into one answer, for requests that do not stream.
type Whole struct {
	speaker
	text, thinking strings.Builder
	calls          calls
	logProbs       []engine.LogProb
	size           int
	last           chat.Event
	cut            int
}

// NewWhole starts the answer to a request. times is asked once, by Encode.
func (r Request) NewWhole(times func() Times) *Whole {
	return &Whole{speaker: r.speaker(times)}
}

// Add takes the next event.
func (w *Whole) Add(e chat.Event) {
	w.text.WriteString(e.Text)
	w.thinking.WriteString(e.Reasoning)
	w.calls.add(e.Calls)
	w.logProbs = append(w.logProbs, e.LogProbs...)
	for _, p := range e.LogProbs {
		w.size += sizeOf(p)
	}
	w.last, w.cut = e, max(w.cut, e.Cut)
}

// Len is about the size of what was collected so far, in bytes.
func (w *Whole) Len() int { return w.text.Len() + w.thinking.Len() + w.calls.size + w.size }

// sizeOf counts what one token's figures take in memory, roughly.
func sizeOf(p engine.LogProb) int {
	n := 64 + len(p.Token) + len(p.Bytes)
	for _, other := range p.Top {
		n += sizeOf(other)
	}
	return n
}

// Encode gives the JSON body of the whole answer.
func (w *Whole) Encode() []byte {
	return w.line(line{
		text: w.text.String(), thinking: w.thinking.String(), calls: w.calls.whole(), logProbs: w.logProbs,
		reason: reasonOf(w.last.Finish), usage: w.last.Usage, cut: w.cut,
	}, w.last.Model)
}

// Done gives the whole answer to a request with Load or Unload set, once that is
// done: one JSON object, also where a stream was asked for. model is the shelf's
// name, told where the request has none.
func (r Request) Done(model string, t Times) []byte {
	s := r.speaker(func() Times { return t })
	if r.Unload {
		return s.line(line{reason: "unload"}, model)
	}
	return s.line(line{reason: "load"}, model)
}
