package openai

import (
	"math"
	"slices"

	"abaton.local/api/wire"
	"abaton.local/chat"
)

// Request is a decoded POST /v1/chat/completions.
type Request struct {
	Ask          chat.Ask
	Stream       bool
	IncludeUsage bool // a last chunk with the usage, in a stream
}

const (
	maxMessages  = 4096
	maxStops     = 16
	maxStopBytes = 256
)

// accepted are the parameters that change an answer. top_k and min_p are no
// OpenAI parameters; local servers have made them common.
var accepted = []string{
	"model", "messages", "stream", "stream_options", "temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens",
	"stop", "seed", "frequency_penalty", "presence_penalty", "response_format", "n", "store", "logprobs", "modalities",
}

// hints are taken and have no effect here: they name the user to a company,
// ask it for a price class, or tune its caches and its stream.
var hints = map[string]wire.Kind{
	"user": wire.String, "safety_identifier": wire.String, "prompt_cache_key": wire.String, "prompt_cache_retention": wire.String,
	"service_tier": wire.String, "metadata": wire.Object, "parallel_tool_calls": wire.Bool,
}

// refused are parameters of the dialect that we do not serve. Each is allowed
// where it says nothing: null, an empty list or an empty object.
var refused = map[string]string{
	"tools": "tools are", "tool_choice": "tools are", "functions": "tools are", "function_call": "tools are",
	"audio": "audio is", "top_logprobs": "log probabilities are", "logit_bias": "a logit bias is",
	"prediction": "a predicted output is", "web_search_options": "web search is", "moderation": "moderation is",
	"reasoning_effort": "a reasoning effort is", "verbosity": "a verbosity is", "prompt_cache_options": "cache options are",
}

// Decode turns the body of POST /v1/chat/completions into a question that is
// valid in every field. Any error is a *wire.BadRequest. What the dialect knows and
// we do not is refused by name, never dropped in silence.
func Decode(body []byte) (Request, error) {
	root, err := wire.Parse(body)
	if err != nil {
		return Request{}, err
	}
	var req Request
	d := &decoder{}
	d.root(root, &req)
	if d.Err != nil {
		return Request{}, d.Err
	}
	return req, nil
}

// decoder reads the fields that only this dialect has.
type decoder struct{ wire.Reader }

func (d *decoder) root(root wire.Value, req *Request) {
	o := &req.Ask.Options
	have := map[string]bool{}
	var streamOptions wire.Value
	for _, f := range root.Fields {
		v, name := f.Value, f.Name
		if v.Kind == wire.Null && (slices.Contains(accepted, name) || hints[name] != "" || refused[name] != "") {
			continue // null is the dialect's word for "left out"
		}
		have[name] = true
		switch name {
		case "model":
			req.Ask.Model = d.Name(v, name)
		case "messages":
			req.Ask.Messages = d.messages(v)
		case "stream":
			req.Stream = d.Bool(v, name)
		case "stream_options":
			streamOptions = v
		case "temperature":
			o.Temperature = d.Float(v, name, 0, 2)
		case "top_p":
			o.TopP = d.Float(v, name, 0, 1)
		case "min_p":
			o.MinP = d.Float(v, name, 0, 1)
		case "frequency_penalty":
			o.FrequencyPenalty = d.Float(v, name, -2, 2)
		case "presence_penalty":
			o.PresencePenalty = d.Float(v, name, -2, 2)
		case "top_k":
			o.TopK = new(int(d.Int(v, name, 0, 1000)))
		case "seed":
			o.Seed = new(d.Int(v, name, 0, math.MaxUint32))
		case "max_tokens", "max_completion_tokens":
			n := int(d.Int(v, name, 1, math.MaxInt32))
			if o.MaxTokens != 0 && o.MaxTokens != n {
				d.Fail(name, wire.Invalid, "max_tokens and max_completion_tokens differ; send only max_completion_tokens.")
			}
			o.MaxTokens = n
		case "stop":
			o.Stop = d.stop(v)
		case "response_format":
			d.format(v, o)
		case "n":
			if d.Int(v, name, 1, 128) != 1 {
				d.Fail(name, wire.Unsupported, "n can only be 1: one answer to one question. Ask again for another one.")
			}
		case "store":
			if d.Bool(v, name) {
				d.Fail(name, wire.Unsupported, "store can only be false: Abaton keeps no answers for later. Leave store out.")
			}
		case "logprobs":
			if d.Bool(v, name) {
				d.Fail(name, wire.Unsupported, "logprobs can only be false: log probabilities are not supported. Leave logprobs out.")
			}
		case "modalities":
			if v.Kind != wire.List || len(v.List) != 1 || v.List[0].Text != "text" {
				d.Fail(name, wire.Unsupported, `modalities can only be ["text"]. Leave modalities out.`)
			}
		default:
			d.other(name, v)
		}
	}
	d.streamOptions(streamOptions, have["stream_options"], req)
	if !have["messages"] {
		d.Fail("messages", wire.Missing, "messages is missing: send a list with at least one message.")
	}
}

// other handles what has no effect and what is refused.
func (d *decoder) other(name string, v wire.Value) {
	if want, ok := hints[name]; ok {
		d.Want(v, name, want)
		return
	}
	what, known := refused[name]
	switch {
	case known && (v.Kind == wire.List && len(v.List) == 0 || v.Kind == wire.Object && len(v.Fields) == 0):
	case (name == "tool_choice" || name == "function_call") && v.Kind == wire.String && v.Text == "none":
	case known:
		d.Fail(name, wire.Unsupported, "%s is not supported: %s not part of Abaton yet. Leave %s out.", name, what, name)
	default:
		d.Fail(wire.Printable(name), wire.Unknown, "Unknown parameter %s. Check its spelling, or leave it out.", wire.Shown(name))
	}
}

func (d *decoder) streamOptions(v wire.Value, given bool, req *Request) {
	const name = "stream_options"
	if !given || !d.Want(v, name, wire.Object) {
		return
	}
	if !req.Stream {
		d.Fail(name, wire.Invalid, "stream_options is only allowed where stream is true.")
	}
	for _, f := range v.Fields {
		switch f.Name {
		case "include_usage":
			req.IncludeUsage = f.Value.Kind != wire.Null && d.Bool(f.Value, name+"."+f.Name)
		case "include_obfuscation": // frames are shaped by the server's policy, whatever is sent
			if f.Value.Kind != wire.Null {
				d.Bool(f.Value, name+"."+f.Name)
			}
		default:
			d.Fail(name, wire.Unknown, "Unknown parameter %s in stream_options. Leave it out.", wire.Shown(f.Name))
		}
	}
}

func (d *decoder) stop(v wire.Value) []string {
	list := v.List
	if v.Kind == wire.String {
		list = []wire.Value{v}
	} else if !d.Want(v, "stop", wire.List) {
		return nil
	}
	if len(list) > maxStops {
		d.Fail("stop", wire.Invalid, "stop holds %d texts; send at most %d.", len(list), maxStops)
		return nil
	}
	var out []string
	for _, s := range list {
		if !d.Want(s, "stop", wire.String) {
			return nil
		}
		if len(s.Text) == 0 || len(s.Text) > maxStopBytes {
			d.Fail("stop", wire.Invalid, "A stop text has %d bytes; send 1 to %d.", len(s.Text), maxStopBytes)
			return nil
		}
		out = append(out, s.Text)
	}
	return out
}
