package openai

import (
	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
)

// ResponseStream encodes the events of a response as named server-sent events.
type ResponseStream struct {
	whole    *ResponseWhole
	sequence int
	begun    bool
	failed   bool
}

// NewResponseStream starts a response.
func NewResponseStream(a Answer, req ResponseRequest) *ResponseStream {
	return &ResponseStream{whole: NewResponseWhole(a, req)}
}

// event is one of the stream's; each type has some of the fields.
type event struct {
	Type         string             `json:"type"`
	Sequence     int                `json:"sequence_number"`
	Response     *responseObject    `json:"response,omitempty"`
	OutputIndex  *int               `json:"output_index,omitempty"`
	ItemID       string             `json:"item_id,omitempty"`
	ContentIndex *int               `json:"content_index,omitempty"`
	Item         *item              `json:"item,omitempty"`
	Part         *part              `json:"part,omitempty"`
	Delta        *string            `json:"delta,omitempty"`
	Text         *string            `json:"text,omitempty"`
	Name         string             `json:"name,omitempty"`
	Arguments    *string            `json:"arguments,omitempty"`
	LogProbs     *[]responseLogProb `json:"logprobs,omitempty"`
	Annotation   *annotation        `json:"annotation,omitempty"`
	Which        *int               `json:"annotation_index,omitempty"`
}

// failedEvent tells of a failure in the dialect's words for it, and once more
// under error, which is where client libraries look.
type failedEvent struct {
	Type     string  `json:"type"`
	Sequence int     `json:"sequence_number"`
	Code     *string `json:"code"`
	Message  string  `json:"message"`
	Param    *string `json:"param"`
	Error    problem `json:"error"`
}

type responseLogProb struct {
	Token   string         `json:"token"`
	LogProb float64        `json:"logprob"`
	Top     []responseProb `json:"top_logprobs"`
}

type responseProb struct {
	Token   string  `json:"token"`
	LogProb float64 `json:"logprob"`
}

func responseLogProbs(list []engine.LogProb) *[]responseLogProb {
	out := make([]responseLogProb, len(list))
	for i, p := range list {
		out[i] = responseLogProb{p.Token, p.Value, make([]responseProb, len(p.Top))}
		for j, q := range p.Top {
			out[i].Top[j] = responseProb{q.Token, q.Value}
		}
	}
	return &out
}

// Frames gives the frames of one event; they may be none. Those of the first
// one also open the response, and those of the last one end it.
func (s *ResponseStream) Frames(e chat.Event) []byte {
	s.whole.cut = max(s.whole.cut, e.Cut)
	out := s.begin(e.Model)
	send := func(ev event) { out = s.frame(out, ev) }
	s.whole.take(e, func(st step) { s.told(st, send) })
	if e.Finish == "" {
		return out
	}
	o := s.whole.object("completed")
	send(event{Type: "response." + o.Status, Response: &o})
	return out
}

// begin opens the response, once.
func (s *ResponseStream) begin(model string) (out []byte) {
	if s.begun {
		return nil
	}
	s.begun, s.whole.model = true, model
	out = s.frame(out, event{Type: "response.created", Response: new(s.whole.object("in_progress"))})
	return s.frame(out, event{Type: "response.in_progress", Response: new(s.whole.object("in_progress"))})
}

// Empty gives frames that say nothing: at first those that open the response,
// then an empty piece of the item that is being written. Where none is, or none
// any more since the end is encoded already, it is a comment of one line: the dialect has no event for nothing, and a blank line
// after a comment is an event to some client libraries.
func (s *ResponseStream) Empty(model string) (out []byte) {
	if out = s.begin(model); out != nil {
		return out
	}
	for at := len(s.whole.outputs) - 1; at >= 0 && !s.failed; at-- {
		if !s.whole.outputs[at].finished && s.whole.outputs[at].kind != aSearch {
			s.told(step{what: grown, at: at}, func(ev event) { out = s.frame(out, ev) })
			return out
		}
	}
	return []byte(":\n")
}

// told sends what a step looks like to the client.
func (s *ResponseStream) told(st step, send func(event)) {
	o := s.whole.outputs[st.at]
	base := event{OutputIndex: &st.at, ItemID: o.id}
	say := func(typ string, change func(*event)) {
		ev := base
		ev.Type = "response." + typ
		if o.kind != aCall {
			ev.ContentIndex = new(0)
		}
		change(&ev)
		send(ev)
	}
	names := map[itemKind]string{aMessage: "output_text", aReasoning: "reasoning_text", aCall: "function_call_arguments"}
	if o.kind == aSearch {
		s.searched(st, base, send)
		return
	}
	switch st.what {
	case opened:
		send(event{Type: "response.output_item.added", OutputIndex: &st.at, Item: new(s.whole.item(st.at, "in_progress"))})
		if o.kind != aCall {
			say("content_part.added", func(ev *event) { ev.Part = new(o.part()) })
		}
	case grown:
		say(names[o.kind]+".delta", func(ev *event) {
			ev.Delta = &st.piece
			if o.kind == aMessage {
				ev.LogProbs = responseLogProbs(st.probs)
			}
		})
	case noted:
		say("output_text.annotation.added", func(ev *event) { ev.Annotation, ev.Which = &o.notes[st.note], &st.note })
	case closed:
		say(names[o.kind]+".done", func(ev *event) {
			switch o.kind {
			case aCall:
				ev.Name, ev.Arguments = o.call.Name, new(o.text.String())
			case aMessage:
				ev.Text, ev.LogProbs = new(o.text.String()), responseLogProbs(o.probs)
			default:
				ev.Text = new(o.text.String())
			}
		})
		if o.kind != aCall {
			say("content_part.done", func(ev *event) { ev.Part = new(o.part()) })
		}
		send(event{Type: "response.output_item.done", OutputIndex: &st.at, Item: new(s.whole.item(st.at, s.whole.status(st.at), o.part()))})
	}
}

// searched tells of a search in documents, which is done when it is told of.
func (s *ResponseStream) searched(st step, base event, send func(event)) {
	if st.what == opened {
		send(event{Type: "response.output_item.added", OutputIndex: &st.at, Item: new(s.whole.item(st.at, "in_progress"))})
		return
	}
	for _, how := range []string{"in_progress", "searching", "completed"} {
		ev := base
		ev.Type = "response.file_search_call." + how
		send(ev)
	}
	send(event{Type: "response.output_item.done", OutputIndex: &st.at, Item: new(s.whole.item(st.at, "completed"))})
}

// Failure gives the frames that tell of a failure in mid-stream: the response
// as failed, for clients that read events, then an error, for libraries that
// raise one. Nothing comes after them. What was said by then is told again, but where
// whoever asks may not hear it any more: some of it may not have been sent.
func (s *ResponseStream) Failure(p wire.Problem) []byte {
	var out []byte
	s.failed = true
	if s.begun {
		o := s.whole.object("failed")
		o.Error = errorOf(p)
		if p.Mute {
			o.Output, o.Usage, o.Incomplete = []item{}, nil, nil
		}
		for i := range o.Output {
			if o.Output[i].Status == "in_progress" {
				o.Output[i].Status = "incomplete"
			}
		}
		out = s.frame(out, event{Type: "response.failed", Response: &o})
	}
	body := problemOf(p)
	return named(out, "error", wire.Encode(failedEvent{"error", s.next(), body.Code, p.Message, body.Param, body}))
}

// Stored is what is to be kept of the response, once its last event came.
func (s *ResponseStream) Stored() Stored { return s.whole.Stored() }

// Len is about what is held of the response so far, in bytes.
func (s *ResponseStream) Len() int { return s.whole.Len() }

func (s *ResponseStream) next() int {
	s.sequence++
	return s.sequence - 1
}

func (s *ResponseStream) frame(out []byte, ev event) []byte {
	ev.Sequence = s.next()
	return named(out, ev.Type, wire.Encode(ev))
}

func named(out []byte, name string, data []byte) []byte {
	out = append(out, "event: "+name+"\n"...)
	return appendFrame(out, data)
}
