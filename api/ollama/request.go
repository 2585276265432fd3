package ollama

import (
	"abaton.local/api/wire"
	"abaton.local/chat"
)

// Request is a decoded POST /api/chat or /api/generate.
type Request struct {
	Ask      chat.Ask
	Model    string // as it was sent, for the answer says it again; Ask.Model is the shelf's word
	Generate bool   // came to /api/generate, which has another shape of answer
	Stream   bool

	// Without a message there is nothing to answer: the model is got ready, or let
	// go. Ask has its name, KeepAlive and ContextTokens.
	Load, Unload bool

	Forged bool // tried to steer the engine's caches
}

// DecodeChat turns the body of POST /api/chat into a question that is valid in
// every field. Any error is a *wire.BadRequest.
func DecodeChat(body []byte) (Request, error) {
	return decode(body, chatFields, func(_ *decoder, b *asked) {})
}

// DecodeGenerate does so with the body of POST /api/generate.
func DecodeGenerate(body []byte) (Request, error) {
	return decode(body, generateFields, (*decoder).generate)
}

// asked is a request while its fields come in, in any order.
type asked struct {
	Request
	logProbs bool
	top      int
	whole    bool // nothing may be left out of the conversation

	prompt, system string
	images         wire.Value
	raw            bool
}

func decode(body []byte, f fields[asked], end func(*decoder, *asked)) (Request, error) {
	root, err := wire.Parse(body)
	if err != nil {
		return Request{}, err
	}
	d := &decoder{}
	b := &asked{Request: Request{Stream: true}}
	object(d, b, root, "", f)
	end(d, b)
	o := &b.Ask.Options
	switch {
	case b.logProbs:
		o.LogProbs = 1 + b.top
	case b.top > 0:
		d.Fail("top_logprobs", wire.Invalid, "top_logprobs is only allowed where logprobs is true.")
	}
	if len(b.Ask.Messages) == 0 && b.Ask.Text == "" {
		b.Unload = b.Ask.KeepAlive != nil && *b.Ask.KeepAlive == 0
		b.Load = !b.Unload
	}
	b.Ask.Fit = !b.whole && len(b.Ask.Messages) > 0
	b.Forged = d.forged
	if d.Err != nil {
		return Request{}, d.Err
	}
	return b.Request, nil
}

type askedField = func(*decoder, *asked, wire.Value, string)

var askedFields = fields[asked]{"", map[string]askedField{
	"model": func(d *decoder, b *asked, v wire.Value, at string) {
		b.Model = d.Name(v, at)
		b.Ask.Model = ShelfName(b.Model)
	},
	"stream":     func(d *decoder, b *asked, v wire.Value, at string) { b.Stream = d.Bool(v, at) },
	"format":     func(d *decoder, b *asked, v wire.Value, at string) { d.format(b, v, at) },
	"keep_alive": func(d *decoder, b *asked, v wire.Value, at string) { b.Ask.KeepAlive = d.keepAlive(v, at) },
	"think":      func(d *decoder, b *asked, v wire.Value, at string) { b.Ask.Options.Think = d.think(v, at) },
	"truncate":   func(d *decoder, b *asked, v wire.Value, at string) { b.whole = !d.Bool(v, at) },
	"logprobs":   func(d *decoder, b *asked, v wire.Value, at string) { b.logProbs = d.Bool(v, at) },
	"top_logprobs": func(d *decoder, b *asked, v wire.Value, at string) {
		b.top = int(d.Int(v, at, 0, 20))
	},
	"options": func(d *decoder, b *asked, v wire.Value, at string) { d.options(b, v, at) },
}}

// options adds to what other fields have said.
func (d *decoder) options(b *asked, v wire.Value, at string) {
	s := settings{o: b.Ask.Options}
	object(d, &s, v, at, optionFields)
	b.Ask.Options, b.Ask.ContextTokens = s.o, s.context
}

// maxSchemaBytes bounds what is handed on; which keywords a schema may use, how
// deep and how often, is the engine's to judge.
const maxSchemaBytes = 64 << 10

// format reads "json", a JSON schema, or nothing.
func (d *decoder) format(b *asked, v wire.Value, at string) {
	switch {
	case v.Kind == wire.String && v.Text == "":
	case v.Kind == wire.String && v.Text == "json":
		b.Ask.Options.JSONObject = true
	case v.Kind == wire.Object:
		b.Ask.Options.JSONSchema = d.schema(v, at)
	default:
		d.Fail(at, wire.Invalid, "%s is neither \"json\" nor a JSON Schema as an object.", at)
	}
}

func (d *decoder) schema(v wire.Value, at string) []byte {
	if len(v.Raw) > maxSchemaBytes {
		d.Fail(at, wire.Invalid, "%s has %d bytes, the most is %d. Make it smaller.", at, len(v.Raw), maxSchemaBytes)
		return nil
	}
	return []byte(compact(v.Raw))
}
