package openai

import (
	"slices"

	"abaton.local/api/wire"
	"abaton.local/chat"
)

const (
	maxPrompts  = 8
	maxOlderTop = 5 // log probabilities beside a token's own
)

// CompletionRequest is a decoded POST /v1/completions. Its Ask has the first
// prompt.
type CompletionRequest struct {
	Request
	Prompts []string // each is asked by itself, one after the other
	Echo    bool     // the prompt is given back before the answer
}

// Asks gives one question for each prompt. Their events go to one encoder, in
// this order.
func (r CompletionRequest) Asks() []chat.Ask {
	out := make([]chat.Ask, len(r.Prompts))
	for i, p := range r.Prompts {
		out[i] = r.Ask
		out[i].Text = p
		out[i].Options.Stop = slices.Clone(r.Ask.Options.Stop)
	}
	return out
}

// DecodeCompletion turns the body of POST /v1/completions into questions. Any
// error is a *wire.BadRequest.
func DecodeCompletion(body []byte) (CompletionRequest, error) {
	root, err := wire.Parse(body)
	if err != nil {
		return CompletionRequest{}, err
	}
	var req CompletionRequest
	d := &decoder{}
	d.completion(root, &req)
	if d.Err != nil {
		return CompletionRequest{}, d.Err
	}
	req.Forged, req.Ask.Text = d.forged, req.Prompts[0]
	return req, nil
}

func (d *decoder) completion(root wire.Value, req *CompletionRequest) {
	o := &req.Ask.Options
	have := d.root(root, Completions, d.sampling(&req.Request).and(table{
		"prompt":         func(v wire.Value, at string) { req.Prompts = d.prompts(v, at) },
		"stream_options": func(v wire.Value, at string) { d.streamOptions(v, at, &req.Request) },
		"max_tokens":     d.limit(o),
		"echo":           d.flag(&req.Echo),
		"logprobs":       func(v wire.Value, at string) { o.LogProbs = 1 + int(d.Int(v, at, 0, maxOlderTop)) },
		"best_of": func(v wire.Value, at string) {
			if d.Int(v, at, 1, 20) != 1 {
				d.Fail(at, wire.Unsupported, "best_of can only be 1: answers are not weighed against each other. Use n for several.")
			}
		},
	}))
	d.streamed(have, &req.Request)
	if req.Echo && o.LogProbs > 0 {
		d.Fail("echo", wire.Unsupported, "echo and logprobs do not go together: a prompt's own tokens are not weighed. Leave one of them out.")
	}
	if !have["prompt"] {
		d.Fail("prompt", wire.Missing, "prompt is missing: send a string, or a list of at most %d.", maxPrompts)
	}
}

func (d *decoder) prompts(v wire.Value, at string) (out []string) {
	list, places := d.texts(v, at, "texts", maxPrompts)
	for i, p := range list {
		if d.Want(p, places[i], wire.String) && p.Text == "" {
			d.Fail(places[i], wire.Invalid, "%s is empty. Send a text that can be continued.", places[i])
		}
		out = append(out, p.Text)
	}
	return out
}
