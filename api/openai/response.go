package openai

import (
	"strings"

	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
)

// ResponseWhole collects events into one response, for requests that do not
// stream.
type ResponseWhole struct {
	answer    Answer
	req       ResponseRequest
	outputs   []*output
	current   int         // the reasoning or text that is being written; -1 for none
	calls     map[int]int // where the calls of the answer are among the outputs
	model     string
	finish    engine.Finish
	usage     engine.Usage
	size      int
	sources   []chat.Source
	conflicts []chat.Conflict
	cut       int // turns that were left out to make the rest fit
}

// output is an item that is being written.
type output struct {
	kind     itemKind
	id       string
	text     strings.Builder // or the arguments of a call
	probs    []engine.LogProb
	call     engine.Call
	notes    []annotation
	finished bool
}

// NewResponseWhole starts a response.
func NewResponseWhole(a Answer, req ResponseRequest) *ResponseWhole {
	return &ResponseWhole{answer: a, req: req, current: -1, calls: map[int]int{}}
}

// Add takes the next event.
func (w *ResponseWhole) Add(e chat.Event) { w.take(e, func(step) {}) }

// Len is about what the response takes so far, in bytes.
func (w *ResponseWhole) Len() int { return w.size }

// step is what an event does to one output.
type step struct {
	what  stepKind
	at    int // among the outputs
	piece string
	probs []engine.LogProb
	note  int // among its annotations
}

type stepKind int

const (
	opened stepKind = iota
	grown
	closed
	noted
)

// take adds an event and tells what it did.
func (w *ResponseWhole) take(e chat.Event, tell func(step)) {
	w.model, w.cut = e.Model, max(w.cut, e.Cut)
	if e.Sources != nil {
		w.sources, w.conflicts = e.Sources, e.Conflicts
		w.close(w.open(&output{kind: aSearch}, tell), tell)
	}
	if e.Reasoning != "" {
		w.write(aReasoning, e.Reasoning, nil, tell)
	}
	if e.Text != "" || len(e.LogProbs) > 0 {
		w.write(aMessage, e.Text, e.LogProbs, tell)
		if o := w.outputs[w.current]; len(e.Cites) > 0 {
			before := len(o.notes)
			o.cited(w.sources, e.Cites)
			for i := range o.notes[before:] {
				tell(step{what: noted, at: w.current, note: before + i})
			}
		}
	}
	for _, c := range e.Calls {
		w.called(c, tell)
	}
	if e.Finish == "" {
		return
	}
	w.finish, w.usage = e.Finish, e.Usage
	if len(w.outputs) == 0 {
		w.open(&output{kind: aMessage}, tell)
	}
	for i := range w.outputs {
		w.close(i, tell)
	}
}

func (w *ResponseWhole) write(kind itemKind, piece string, probs []engine.LogProb, tell func(step)) {
	if w.current < 0 || w.outputs[w.current].kind != kind {
		w.close(w.current, tell)
		w.current = w.open(&output{kind: kind}, tell)
	}
	w.grow(w.current, piece, probs, tell)
}

// called adds a piece of a call. Calls stay open until the end, so that their
// pieces may come in any order.
func (w *ResponseWhole) called(c engine.CallDelta, tell func(step)) {
	at, known := w.calls[c.Index]
	if !known {
		w.close(w.current, tell)
		w.current = -1
		at = w.open(&output{kind: aCall, call: engine.Call{ID: c.ID, Name: c.Name}}, tell)
		w.calls[c.Index] = at
	}
	if c.Arguments != "" {
		w.grow(at, c.Arguments, nil, tell)
	}
}

func (w *ResponseWhole) open(o *output, tell func(step)) int {
	prefix := map[itemKind]string{aMessage: "msg", aCall: "fc", aReasoning: "rs", aSearch: "fs"}[o.kind]
	o.id = w.answer.itemID(prefix, len(w.outputs))
	w.outputs = append(w.outputs, o)
	w.size += 256 + len(o.call.ID) + len(o.call.Name)
	tell(step{what: opened, at: len(w.outputs) - 1})
	return len(w.outputs) - 1
}

func (w *ResponseWhole) grow(at int, piece string, probs []engine.LogProb, tell func(step)) {
	o := w.outputs[at]
	o.text.WriteString(piece)
	o.probs = append(o.probs, probs...)
	w.size += len(piece) + sizeOf(probs)
	tell(step{what: grown, at: at, piece: piece, probs: probs})
}

func (w *ResponseWhole) close(at int, tell func(step)) {
	if at >= 0 && !w.outputs[at].finished {
		w.outputs[at].finished = true
		tell(step{what: closed, at: at})
	}
}

// status is that of an output: the one that was being written when room ran out
// is not complete.
func (w *ResponseWhole) status(at int) string {
	last := at == len(w.outputs)-1
	switch {
	case w.finish == engine.Length && last:
		return "incomplete"
	case w.outputs[at].finished:
		return "completed"
	}
	return "in_progress"
}

// part is what an output holds so far, where it holds parts.
func (o *output) part() part {
	if o.kind == aReasoning {
		return part{Type: "reasoning_text", Text: new(o.text.String())}
	}
	return outputText(o.text.String(), o.probs, o.notes...)
}

// item shows the output at a place.
func (w *ResponseWhole) item(at int, status string, parts ...part) item {
	o := w.outputs[at]
	it := item{ID: o.id, Type: o.kind, Status: status}
	switch o.kind {
	case aCall:
		it.CallID, it.Name, it.Arguments = o.call.ID, o.call.Name, new(o.text.String())
		return it
	case aSearch:
		question, _, _ := w.req.Asked()
		it.Queries = &[]string{question}
		if w.req.Results {
			it.Results, it.Conflicts = resultsOf(w.sources), conflictsOf(w.conflicts)
		}
		return it
	case aReasoning:
		it.Summary = &[]part{}
	default:
		it.Role = "assistant"
	}
	if parts == nil {
		parts = []part{}
	}
	it.Content = &parts
	return it
}

// object shows the response with what is there of it.
func (w *ResponseWhole) object(status string) responseObject {
	o := responseObject{
		ID: w.answer.ID, Object: "response", CreatedAt: w.answer.Created.Unix(), Status: status, Model: w.model, Output: []item{}, shown: w.req.shown, Cut: w.cut,
	}
	for i, out := range w.outputs {
		o.Output = append(o.Output, w.item(i, w.status(i), out.part()))
	}
	if w.finish != "" {
		u := responseUsage{Input: w.usage.PromptTokens, Output: w.usage.AnswerTokens, Total: w.usage.PromptTokens + w.usage.AnswerTokens}
		o.Usage = &u
	}
	if w.finish == engine.Length {
		o.Status, o.Incomplete = "incomplete", &incomplete{"max_output_tokens"}
	}
	return o
}

// Encode gives the JSON body of the whole response. One whose last event has
// not come is never told as complete.
func (w *ResponseWhole) Encode() []byte {
	if w.finish == "" {
		return wire.Encode(w.object("incomplete"))
	}
	return wire.Encode(w.object("completed"))
}

// Stored is what is to be kept of the response, once its last event came.
func (w *ResponseWhole) Stored() Stored {
	s := Stored{ID: w.answer.ID, Previous: w.req.Previous, Body: w.Encode()}
	for i, e := range w.req.entries {
		s.Input = append(s.Input, wire.Encode(e.item(w.answer, i)))
	}
	return s
}
