package openai

import (
	"fmt"
	"math"
	"slices"

	"abaton.local/chat"
)

// Request is a decoded POST /v1/chat/completions.
type Request struct {
	Ask          chat.Ask
	Stream       bool
	IncludeUsage bool // a last chunk with the usage, in a stream
}

// BadRequest says which parameter of a request is wrong, and what to do. It
// holds no value that was sent.
type BadRequest struct {
	Param   string // "messages[2].content"; empty for the whole body
	Message string
	Code    string // the dialect's word for it, may be empty
}

func (e *BadRequest) Error() string { return e.Message }

// Codes of BadRequest.
const (
	codeInvalid     = "invalid_value"
	codeUnsupported = "unsupported_parameter"
	codeUnknown     = "unknown_parameter"
	codeMissing     = "missing_required_parameter"
)

const (
	maxMessages  = 4096
	maxStops     = 16
	maxStopBytes = 256
	maxModelName = 256
)

// accepted are the parameters that change an answer. top_k and min_p are no
// OpenAI parameters; local servers have made them common.
var accepted = []string{
	"model", "messages", "stream", "stream_options", "temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens",
	"stop", "seed", "frequency_penalty", "presence_penalty", "response_format", "n", "store", "logprobs", "modalities",
}

// hints are taken and have no effect here: they name the user to a company,
// ask it for a price class, or tune its caches and its stream.
var hints = map[string]kind{
	"user": isString, "safety_identifier": isString, "prompt_cache_key": isString, "prompt_cache_retention": isString,
	"service_tier": isString, "metadata": isObject, "parallel_tool_calls": isBool,
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
// valid in every field. Any error is a *BadRequest. What the dialect knows and
// we do not is refused by name, never dropped in silence.
func Decode(body []byte) (Request, error) {
	root, err := parse(body)
	if err != nil {
		return Request{}, &BadRequest{Message: "We could not read the request: " + err.Error() + ".", Code: "invalid_json"}
	}
	if root.kind != isObject {
		return Request{}, &BadRequest{Message: "The request is " + string(root.kind) + "; send an object with model and messages.", Code: "invalid_json"}
	}
	var req Request
	d := &decoder{}
	d.root(root, &req)
	if d.err != nil {
		return Request{}, d.err
	}
	return req, nil
}

// decoder keeps the first thing that is wrong.
type decoder struct{ err *BadRequest }

func (d *decoder) fail(param, code, format string, args ...any) {
	if d.err == nil {
		d.err = &BadRequest{Param: param, Code: code, Message: fmt.Sprintf(format, args...)}
	}
}

func (d *decoder) root(root node, req *Request) {
	o := &req.Ask.Options
	have := map[string]bool{}
	var streamOptions node
	for _, f := range root.fields {
		v, name := f.value, f.name
		if v.kind == isNull && (slices.Contains(accepted, name) || hints[name] != "" || refused[name] != "") {
			continue // null is the dialect's word for "left out"
		}
		have[name] = true
		switch name {
		case "model":
			req.Ask.Model = d.name(v, name)
		case "messages":
			req.Ask.Messages = d.messages(v)
		case "stream":
			req.Stream = d.bool(v, name)
		case "stream_options":
			streamOptions = v
		case "temperature":
			o.Temperature = d.float(v, name, 0, 2)
		case "top_p":
			o.TopP = d.float(v, name, 0, 1)
		case "min_p":
			o.MinP = d.float(v, name, 0, 1)
		case "frequency_penalty":
			o.FrequencyPenalty = d.float(v, name, -2, 2)
		case "presence_penalty":
			o.PresencePenalty = d.float(v, name, -2, 2)
		case "top_k":
			o.TopK = new(int(d.int(v, name, 0, 1000)))
		case "seed":
			o.Seed = new(d.int(v, name, 0, math.MaxUint32))
		case "max_tokens", "max_completion_tokens":
			n := int(d.int(v, name, 1, math.MaxInt32))
			if o.MaxTokens != 0 && o.MaxTokens != n {
				d.fail(name, codeInvalid, "max_tokens and max_completion_tokens differ; send only max_completion_tokens.")
			}
			o.MaxTokens = n
		case "stop":
			o.Stop = d.stop(v)
		case "response_format":
			d.format(v, o)
		case "n":
			if d.int(v, name, 1, 128) != 1 {
				d.fail(name, codeUnsupported, "n can only be 1: one answer to one question. Ask again for another one.")
			}
		case "store":
			if d.bool(v, name) {
				d.fail(name, codeUnsupported, "store can only be false: Abaton keeps no answers for later. Leave store out.")
			}
		case "logprobs":
			if d.bool(v, name) {
				d.fail(name, codeUnsupported, "logprobs can only be false: log probabilities are not supported. Leave logprobs out.")
			}
		case "modalities":
			if v.kind != isList || len(v.list) != 1 || v.list[0].text != "text" {
				d.fail(name, codeUnsupported, `modalities can only be ["text"]. Leave modalities out.`)
			}
		default:
			d.other(name, v)
		}
	}
	d.streamOptions(streamOptions, have["stream_options"], req)
	if !have["messages"] {
		d.fail("messages", codeMissing, "messages is missing: send a list with at least one message.")
	}
}

// other handles what has no effect and what is refused.
func (d *decoder) other(name string, v node) {
	if want, ok := hints[name]; ok {
		d.want(v, name, want)
		return
	}
	what, known := refused[name]
	switch {
	case known && (v.kind == isList && len(v.list) == 0 || v.kind == isObject && len(v.fields) == 0):
	case (name == "tool_choice" || name == "function_call") && v.kind == isString && v.text == "none":
	case known:
		d.fail(name, codeUnsupported, "%s is not supported: %s not part of Abaton yet. Leave %s out.", name, what, name)
	default:
		d.fail(printable(name), codeUnknown, "Unknown parameter %s. Check its spelling, or leave it out.", shown(name))
	}
}

func (d *decoder) streamOptions(v node, given bool, req *Request) {
	const name = "stream_options"
	if !given || !d.want(v, name, isObject) {
		return
	}
	if !req.Stream {
		d.fail(name, codeInvalid, "stream_options is only allowed where stream is true.")
	}
	for _, f := range v.fields {
		switch f.name {
		case "include_usage":
			req.IncludeUsage = f.value.kind != isNull && d.bool(f.value, name+"."+f.name)
		case "include_obfuscation": // frames are shaped by the server's policy, whatever is sent
			if f.value.kind != isNull {
				d.bool(f.value, name+"."+f.name)
			}
		default:
			d.fail(name, codeUnknown, "Unknown parameter %s in stream_options. Leave it out.", shown(f.name))
		}
	}
}

func (d *decoder) stop(v node) []string {
	list := v.list
	if v.kind == isString {
		list = []node{v}
	} else if !d.want(v, "stop", isList) {
		return nil
	}
	if len(list) > maxStops {
		d.fail("stop", codeInvalid, "stop holds %d texts; send at most %d.", len(list), maxStops)
		return nil
	}
	var out []string
	for _, s := range list {
		if !d.want(s, "stop", isString) {
			return nil
		}
		if len(s.text) == 0 || len(s.text) > maxStopBytes {
			d.fail("stop", codeInvalid, "A stop text has %d bytes; send 1 to %d.", len(s.text), maxStopBytes)
			return nil
		}
		out = append(out, s.text)
	}
	return out
}
