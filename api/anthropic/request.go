package anthropic

import (
	"math"
	"slices"

	"abaton.local/api/wire"
	"abaton.local/chat"
)

// Request is a decoded POST /v1/messages or /v1/messages/count_tokens.
type Request struct {
	Ask      chat.Ask
	Stream   bool
	Thoughts Thoughts
	Pictures []wire.Picture // to be put into Ask.Messages once they are encoded anew
	Forged   bool           // it tried to name a cache or a slot of the engine
}

// Thoughts says what of a model's reasoning the client sees.
type Thoughts string

// What is seen. A client that did not ask for reasoning may take the first block
// of an answer for its text, and must get no other.
const (
	NoThoughts      Thoughts = ""
	OmittedThoughts Thoughts = "omitted" // a block of thinking without its text
	ShownThoughts   Thoughts = "shown"
)

// Caps on what is handed on. Those of the engine are its own to keep.
const (
	maxMessages    = 4096
	maxStops       = 16
	maxStopBytes   = 256
	maxTools       = 128
	maxPictures    = 100
	maxEdits       = 16
	maxSchemaBytes = 64 << 10
)

// DecodeMessages turns the body of POST /v1/messages into a question that is
// valid in every field. Any error is a *wire.BadRequest. What the dialect knows
// and we do not is refused by name, never dropped in silence.
func DecodeMessages(body []byte) (Request, error) { return decode(body, true) }

// DecodeCount does the same for POST /v1/messages/count_tokens, whose answer is
// the number of tokens of the question.
func DecodeCount(body []byte) (Request, error) { return decode(body, false) }

// EncodeCount gives the body that answers it.
func EncodeCount(tokens int) []byte {
	return wire.Encode(struct {
		InputTokens int `json:"input_tokens"`
	}{tokens})
}

func decode(body []byte, generate bool) (Request, error) {
	root, err := wire.Parse(body)
	if err != nil {
		return Request{}, err
	}
	var req Request
	d := &decoder{}
	d.root(root, &req, generate)
	if d.Err != nil {
		return Request{}, d.Err
	}
	return req, nil
}

// decoder reads the fields that only this dialect has.
type decoder struct{ wire.Reader }

// fields says how each known field of an object is read.
type fields map[string]func(v wire.Value, at string)

// object reads an object. Null is taken for left out, whatever the field:
// several client libraries send their empty fields so.
func (d *decoder) object(v wire.Value, at string, known fields) {
	if !d.Want(v, at, wire.Object) {
		return
	}
	for _, f := range v.Fields {
		where := at + "." + wire.Printable(f.Name)
		read, ok := known[f.Name]
		switch {
		case f.Name == "cache_control":
			d.hint(f.Value, where, wire.Object)
		case !ok:
			d.Fail(where, wire.Unknown, "Unknown parameter %s in %s. Check its spelling, or leave it out.", wire.Shown(f.Name), at)
		case f.Value.Kind != wire.Null:
			read(f.Value, where)
		}
	}
}

// hint checks the kind of what has no effect.
func (d *decoder) hint(v wire.Value, at string, kind wire.Kind) {
	if v.Kind != wire.Null {
		d.Want(v, at, kind)
	}
}

// text gives a reader of a string.
func (d *decoder) text(into *string) func(wire.Value, string) {
	return func(v wire.Value, at string) {
		if d.Want(v, at, wire.String) {
			*into = v.Text
		}
	}
}

// truth gives a reader of true and false.
func (d *decoder) truth(into *bool) func(wire.Value, string) {
	return func(v wire.Value, at string) { *into = d.Bool(v, at) }
}

// kind gives the type of an object of which there are several, or "".
func (d *decoder) kind(v wire.Value, at string) string {
	if !d.Want(v, at, wire.Object) {
		return ""
	}
	for _, f := range v.Fields {
		if f.Name == "type" && f.Value.Kind == wire.String && f.Value.Text != "" {
			return f.Value.Text
		}
	}
	d.Fail(at+".type", wire.Missing, "%s.type is missing or no string: say what %s is.", at, at)
	return ""
}

// ignored reads what was looked at before.
func ignored(wire.Value, string) {}

func (d *decoder) root(root wire.Value, req *Request, generate bool) {
	o := &req.Ask.Options
	var system, messages, tools, choice, context *wire.Value
	keep := func(into **wire.Value) func(wire.Value, string) {
		return func(v wire.Value, _ string) { *into = &v }
	}
	known := fields{
		"model":              func(v wire.Value, at string) { req.Ask.Model = d.Name(v, at) },
		"messages":           keep(&messages),
		"system":             keep(&system),
		"tools":              keep(&tools),
		"tool_choice":        keep(&choice),
		"context_management": keep(&context),
		"thinking":           func(v wire.Value, at string) { d.thinking(v, at, req) },
		"output_config":      func(v wire.Value, at string) { d.outputConfig(v, at, o) },
		"output_format":      func(v wire.Value, at string) { d.format(v, at, o) },
	}
	if generate {
		known["max_tokens"] = func(v wire.Value, at string) { o.MaxTokens = int(d.Int(v, at, 1, math.MaxInt32)) }
		known["stream"] = d.truth(&req.Stream)
		known["temperature"] = func(v wire.Value, at string) { o.Temperature = d.Float(v, at, 0, 1) }
		known["top_p"] = func(v wire.Value, at string) { o.TopP = d.Float(v, at, 0, 1) }
		known["top_k"] = func(v wire.Value, at string) { o.TopK = new(int(d.Int(v, at, 0, 1000))) }
		known["stop_sequences"] = func(v wire.Value, at string) { o.Stop = d.stop(v, at) }
	} else {
		for _, name := range []string{"max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences"} {
			known[name] = func(_ wire.Value, at string) {
				d.Fail(at, wire.Unsupported, "%s is not part of count_tokens, where nothing is answered. Leave it out.", at)
			}
		}
	}
	o.Think = new(false) // this dialect's models think only where they are asked to
	for _, f := range root.Fields {
		read, ok := known[f.Name]
		switch {
		case slices.Contains(forged, f.Name):
			req.Forged = true
		case !ok:
			d.other(f.Name, f.Value)
		case f.Value.Kind != wire.Null:
			read(f.Value, f.Name)
		}
	}
	if generate && o.MaxTokens == 0 {
		d.Fail("max_tokens", wire.Missing, "max_tokens is missing: say how many tokens the answer may have at most.")
	}
	if tools != nil {
		o.Tools = d.tools(*tools)
	}
	if choice != nil {
		d.toolChoice(*choice, "tool_choice", o)
	}
	d.conversation(system, messages, req)
	if context != nil {
		d.context(*context, "context_management", req.Ask.Messages)
	}
}

// other handles what has no effect and what is refused.
func (d *decoder) other(name string, v wire.Value) {
	why, known := refused[name]
	switch {
	case name == "cache_control":
		d.hint(v, name, wire.Object)
	case hints[name] != "":
		d.hint(v, name, hints[name])
	case known && (v.Kind == wire.Null || v.Kind == wire.List && len(v.List) == 0 || v.Kind == wire.Object && len(v.Fields) == 0):
	case known:
		d.Fail(name, wire.Unsupported, "%s is not supported: %s. Leave %s out.", name, why, name)
	default:
		d.Fail(wire.Printable(name), wire.Unknown, "Unknown parameter %s. Check its spelling, or leave it out.", wire.Shown(name))
	}
}

func (d *decoder) stop(v wire.Value, at string) (stops []string) {
	if !d.Want(v, at, wire.List) {
		return nil
	}
	if len(v.List) > maxStops {
		d.Fail(at, wire.Invalid, "%s holds %d texts; send at most %d.", at, len(v.List), maxStops)
		return nil
	}
	for _, s := range v.List {
		if !d.Want(s, at, wire.String) {
			return nil
		}
		if len(s.Text) == 0 || len(s.Text) > maxStopBytes {
			d.Fail(at, wire.Invalid, "A text of %s has %d bytes; send 1 to %d.", at, len(s.Text), maxStopBytes)
			return nil
		}
		stops = append(stops, s.Text)
	}
	return stops
}
