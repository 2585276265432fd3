package openai

import (
	"unicode/utf8"

	"abaton.local/api/wire"
	"abaton.local/chat"
)

type olderCompletion struct {
	ID      string        `json:"id"`
	Object  string        `json:"object"`
	Created int64         `json:"created"`
	Model   string        `json:"model"`
	System  string        `json:"system_fingerprint,omitempty"`
	Choices []olderChoice `json:"choices"`
	Usage   *usage        `json:"usage,omitempty"`
}

type olderChoice struct {
	Index        int            `json:"index"`
	Text         string         `json:"text"`
	LogProbs     *olderLogProbs `json:"logprobs"`
	FinishReason *string        `json:"finish_reason"`
}

func (a *Answer) older(model string, choices []olderChoice) olderCompletion {
	return olderCompletion{ID: a.ID, Object: "text_completion", Created: a.Created.Unix(), Model: model, System: a.fingerprint(model), Choices: choices}
}

// echoed is the prompt that comes before an answer.
func (r CompletionRequest) echoed(place int) string {
	if which := place / max(r.Ask.Answers, 1); r.Echo && which < len(r.Prompts) {
		return r.Prompts[which]
	}
	return ""
}

// CompletionWhole collects the events of all questions into one body.
type CompletionWhole struct {
	answer Answer
	req    CompletionRequest
	turns  turns
}

// NewCompletionWhole starts an answer.
func NewCompletionWhole(a Answer, req CompletionRequest) *CompletionWhole {
	return &CompletionWhole{answer: a, req: req, turns: turns{each: req.Ask.Answers}}
}

// Add takes the next event.
func (w *CompletionWhole) Add(e chat.Event) { w.turns.add(e) }

// Len is about what the answer takes so far, in bytes.
func (w *CompletionWhole) Len() int { return w.turns.size }

// Encode gives the JSON body of the whole answer.
func (w *CompletionWhole) Encode() []byte {
	choices := make([]olderChoice, len(w.turns.list))
	for i, t := range w.turns.list {
		probs, _ := olderOf(t.logProbs, 0)
		choices[i] = olderChoice{i, w.req.echoed(i) + t.text.String(), probs, new(string(t.finish))}
	}
	body := w.answer.older(w.turns.model, choices)
	body.Usage = w.turns.usage()
	return wire.Encode(body)
}

// CompletionStream encodes the events of all questions as server-sent events.
type CompletionStream struct {
	answer  Answer
	req     CompletionRequest
	turns   turns
	offsets map[int]int // of the next token, in characters
	place   int         // of the answer that is being sent
}

// NewCompletionStream starts an answer.
func NewCompletionStream(a Answer, req CompletionRequest) *CompletionStream {
	return &CompletionStream{answer: a, req: req, turns: turns{each: req.Ask.Answers}, offsets: map[int]int{}}
}

// Frames gives the frames of one event; they may be none.
func (s *CompletionStream) Frames(e chat.Event) []byte {
	kept := chat.Event{Model: e.Model, Answer: e.Answer}
	kept.Finish, kept.Usage = e.Finish, e.Usage // the texts are sent, not kept
	place, began := s.turns.add(kept)
	s.place = place
	text := e.Text
	if began {
		text = s.req.echoed(place) + text
	}
	c := olderChoice{Index: place, Text: text}
	if len(e.LogProbs) > 0 {
		c.LogProbs, s.offsets[place] = olderOf(e.LogProbs, s.offsets[place])
	} else {
		s.offsets[place] += utf8.RuneCountInString(e.Text)
	}
	var out []byte
	if e.Finish != "" {
		c.FinishReason = new(string(e.Finish))
	}
	if text != "" || c.LogProbs != nil || e.Finish != "" {
		out = appendFrame(out, wire.Encode(s.answer.older(e.Model, []olderChoice{c})))
	}
	if s.turns.whole() < len(s.req.Prompts)*max(s.req.Ask.Answers, 1) {
		return out
	}
	if s.req.IncludeUsage {
		last := s.answer.older(e.Model, []olderChoice{})
		last.Usage = s.turns.usage()
		out = appendFrame(out, wire.Encode(last))
	}
	return appendFrame(out, []byte("[DONE]"))
}

// Empty gives a chunk of this model without text.
func (s *CompletionStream) Empty(model string) []byte {
	return appendFrame(nil, wire.Encode(s.answer.older(model, []olderChoice{{Index: s.place}})))
}

// Failure gives the frame that tells of a failure in mid-stream, after which
// nothing comes.
func (s *CompletionStream) Failure(p wire.Problem) []byte { return appendFrame(nil, Body(p)) }
