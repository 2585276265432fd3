package openai

import (
	"abaton.local/api/wire"
	"abaton.local/engine"
)

const (
	maxMessages = 4096
	maxTop      = 20 // log probabilities beside a token's own
)

// DecodeChat turns the body of POST /v1/chat/completions into a question that
// is valid in every field. Any error is a *wire.BadRequest. What the dialect
// knows and we do not is refused by name, never dropped in silence.
func DecodeChat(body []byte) (Request, error) {
	root, err := wire.Parse(body)
	if err != nil {
		return Request{}, err
	}
	var req Request
	d := &decoder{calls: map[string]bool{}}
	d.chat(root, &req)
	if d.Err != nil {
		return Request{}, d.Err
	}
	req.Pictures, req.Forged = d.pictures, d.forged
	return req, nil
}

func (d *decoder) chat(root wire.Value, req *Request) {
	o := &req.Ask.Options
	var t tools
	var logProbs bool
	var template *bool
	var top int
	have := d.root(root, Chat, d.sampling(req).and(table{
		"messages":              func(v wire.Value, at string) { req.Ask.Messages = d.messages(v, at) },
		"stream_options":        func(v wire.Value, at string) { d.streamOptions(v, at, req) },
		"max_tokens":            d.limit(o),
		"max_completion_tokens": d.limit(o),
		"store":                 d.flag(&req.Store),
		"library":               func(v wire.Value, at string) { d.library(v, at, &req.Libraries) },
		"logprobs":              d.flag(&logProbs),
		"top_logprobs":          func(v wire.Value, at string) { top = int(d.Int(v, at, 0, maxTop)) },
		"modalities":            d.modalities,
		"reasoning_effort":      func(v wire.Value, at string) { d.effort(v, at, o) },
		"verbosity":             d.verbosity,
		"chat_template_kwargs": func(v wire.Value, at string) {
			d.object(v, at, table{"enable_thinking": func(v wire.Value, at string) { template = new(d.Bool(v, at)) }})
		},
		"tools":               func(v wire.Value, at string) { t.offered = d.tools(v, at, wrapped) },
		"functions":           func(v wire.Value, at string) { t.offered, t.legacy = d.tools(v, at, bare), true },
		"tool_choice":         func(v wire.Value, at string) { t.choice, t.at = v, at },
		"function_call":       func(v wire.Value, at string) { t.choice, t.at = v, at },
		"parallel_tool_calls": func(v wire.Value, at string) { t.one = !d.Bool(v, at) },
	}))
	if have["tools"] && have["functions"] || have["tool_choice"] && have["function_call"] {
		d.Fail("functions", wire.Invalid, "functions and function_call are the older words for tools and tool_choice; send only the newer ones.")
	}
	if template != nil { // the plainer word of the two
		o.Think = template
	}
	d.choose(t, o, wrapped)
	req.Legacy = t.legacy && len(o.Tools) > 0
	o.OneCall = o.OneCall || req.Legacy
	d.streamed(have, req)
	switch {
	case logProbs:
		o.LogProbs = 1 + top
	case top > 0:
		d.Fail("top_logprobs", wire.Invalid, "top_logprobs is only allowed where logprobs is true.")
	}
	d.readsOnly(req)
	if !have["messages"] {
		d.Fail("messages", wire.Missing, "messages is missing: send a list with at least one message.")
	}
}

func (d *decoder) modalities(v wire.Value, at string) {
	if v.Kind != wire.List || len(v.List) != 1 || v.List[0].Text != "text" {
		d.Fail(at, wire.Unsupported, `modalities can only be ["text"]. Leave modalities out.`)
	}
}

// verbosity is taken where it says what is so without it.
func (d *decoder) verbosity(v wire.Value, at string) {
	if d.Want(v, at, wire.String) && v.Text != "medium" {
		d.Fail(at, wire.Unsupported, "%s can only be medium: models here have no such measure. Ask for a short or a long answer in words.", at)
	}
}

// effort reads how much a model shall reason: here it does, or it does not.
func (d *decoder) effort(v wire.Value, at string, o *engine.Options) {
	if !d.Want(v, at, wire.String) {
		return
	}
	switch v.Text {
	case "none", "minimal":
		o.Think = new(false)
	case "low", "medium", "high", "xhigh", "max":
		o.Think = new(true)
	default:
		d.Fail(at, wire.Invalid, "%s is no effort we know: use none, minimal, low, medium, high or xhigh.", at)
	}
}
