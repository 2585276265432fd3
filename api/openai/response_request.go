package openai

import (
	"encoding/json"
	"math"
	"regexp"

	"abaton.local/api/wire"
)

// ResponseRequest is a decoded POST /v1/responses. Store is set only where the
// client says "store": true; unlike OpenAI's, nothing is kept unasked.
type ResponseRequest struct {
	Request
	Previous string // id of the response that this one goes on from: see Continue

	instructions string
	entries      []entry
	shown        shown
}

// shown is what a response tells of the request it came from.
type shown struct {
	Instructions *string           `json:"instructions"`
	MaxTokens    *int              `json:"max_output_tokens"`
	Metadata     map[string]string `json:"metadata"`
	Parallel     bool              `json:"parallel_tool_calls"`
	Previous     *string           `json:"previous_response_id"`
	Reasoning    reasoningShown    `json:"reasoning"`
	Store        bool              `json:"store"`
	Temperature  *float64          `json:"temperature"`
	Text         textShown         `json:"text"`
	ToolChoice   json.RawMessage   `json:"tool_choice"`
	Tools        []any             `json:"tools"` // toolShown and searchShown
	TopLogProbs  int               `json:"top_logprobs"`
	TopP         *float64          `json:"top_p"`
	Truncation   string            `json:"truncation"`
}

type reasoningShown struct {
	Effort  *string `json:"effort"`
	Summary *string `json:"summary"`
}

type textShown struct {
	Format json.RawMessage `json:"format"`
}

type toolShown struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters"`
	Strict      *bool           `json:"strict"`
}

// DecodeResponse turns the body of POST /v1/responses into a question. Any
// error is a *wire.BadRequest. Where Previous is set, there are no messages
// before Continue has put them together.
func DecodeResponse(body []byte) (ResponseRequest, error) {
	root, err := wire.Parse(body)
	if err != nil {
		return ResponseRequest{}, err
	}
	var req ResponseRequest
	d := &decoder{calls: map[string]bool{}}
	d.response(root, &req)
	if d.Err == nil && req.Previous == "" {
		d.assemble(&req, req.entries)
	}
	if d.Err != nil {
		return ResponseRequest{}, d.Err
	}
	req.Forged = d.forged
	return req, nil
}

func (d *decoder) response(root wire.Value, req *ResponseRequest) {
	o := &req.Ask.Options
	s := &req.shown
	*s = shown{
		Metadata: map[string]string{}, Parallel: true, ToolChoice: json.RawMessage(`"auto"`), Tools: []any{}, Truncation: "disabled",
		Text: textShown{json.RawMessage(`{"type":"text"}`)},
	}
	var t tools
	var wantLogProbs bool
	top := 0
	have := d.root(root, Responses, table{
		"model":                func(v wire.Value, at string) { req.Ask.Model = d.Name(v, at) },
		"input":                func(v wire.Value, at string) { req.entries = d.input(v, at) },
		"instructions":         d.text(&req.instructions),
		"stream":               d.flag(&req.Stream),
		"stream_options":       func(v wire.Value, at string) { d.streamOptions(v, at, &req.Request) },
		"store":                d.flag(&req.Store),
		"background":           d.background,
		"previous_response_id": func(v wire.Value, at string) { req.Previous = d.responseID(v, at) },
		"temperature":          d.float(&o.Temperature, 0, 2),
		"top_p":                d.float(&o.TopP, 0, 1),
		"max_output_tokens":    func(v wire.Value, at string) { o.MaxTokens = int(d.Int(v, at, 1, math.MaxInt32)) },
		"top_logprobs":         func(v wire.Value, at string) { top = int(d.Int(v, at, 0, maxTop)) },
		"include":              func(v wire.Value, at string) { wantLogProbs, req.Results = d.include(v, at) },
		"reasoning":            func(v wire.Value, at string) { d.reasoning(v, at, req) },
		"text":                 func(v wire.Value, at string) { d.textOptions(v, at, req) },
		"truncation":           func(v wire.Value, at string) { req.Ask.Fit, s.Truncation = d.truncation(v, at) },
		"tools": func(v wire.Value, at string) {
			v = d.searches(v, at, req)
			t.offered = d.tools(v, at, flat)
			s.Tools = append(s.Tools, toolsShown(v, t)...)
		},
		"tool_choice":         func(v wire.Value, at string) { t.choice, t.at, s.ToolChoice = v, at, again(v) },
		"parallel_tool_calls": func(v wire.Value, at string) { s.Parallel = d.Bool(v, at); t.one = !s.Parallel },
		"metadata":            func(v wire.Value, at string) { s.Metadata = d.metadata(v, at) },
		"library":             func(v wire.Value, at string) { d.library(v, at, &req.Libraries) },
	})
	if len(req.Libraries) > 0 && len(t.offered) == 0 && t.choice.Kind != "" && d.choosesSearch(t.choice, req) {
		t.choice = wire.Value{}
	}
	d.choose(t, o, flat)
	d.readsOnly(&req.Request)
	d.streamed(have, &req.Request)
	switch {
	case wantLogProbs:
		o.LogProbs = 1 + top
	case top > 0:
		d.Fail("top_logprobs", wire.Invalid, `top_logprobs is only allowed where include holds "message.output_text.logprobs".`)
	}
	if !have["input"] {
		d.Fail("input", wire.Missing, "input is missing: send a text or a list of items.")
	}
	s.TopLogProbs, s.Temperature, s.TopP, s.Store = top, o.Temperature, o.TopP, req.Store
	s.Previous = orNull(req.Previous)
	if have["instructions"] {
		s.Instructions = &req.instructions
	}
	if o.MaxTokens != 0 {
		s.MaxTokens = &o.MaxTokens
	}
}

// responseID is the form of the ids that we give. It is a key into what is kept,
// so nothing else comes through.
var responseID = regexp.MustCompile(`^resp_[A-Za-z0-9_-]{1,128}$`)

func (d *decoder) responseID(v wire.Value, at string) string {
	if !d.Want(v, at, wire.String) {
		return ""
	}
	if !responseID.MatchString(v.Text) {
		d.Fail(at, wire.Invalid, "%s is no id of a response; it must be one that a response came with.", at)
		return ""
	}
	return v.Text
}

func (d *decoder) background(v wire.Value, at string) {
	if d.Bool(v, at) {
		d.Fail(at, wire.Unsupported, "background can only be false: an answer is made while its client waits. Use stream.")
	}
}

// include reads what shall be sent besides. What only concerns tools that are
// refused asks for nothing.
func (d *decoder) include(v wire.Value, at string) (logProbs, results bool) {
	for i, e := range d.list(v, at, "words", 0, 16) {
		if !d.Want(e, index(at, i), wire.String) {
			continue
		}
		switch e.Text {
		case "message.output_text.logprobs":
			logProbs = true
		case "reasoning.encrypted_content": // reasoning comes in the clear: it never leaves the machine
		case "file_search_call.results":
			results = true
		case "web_search_call.results", "web_search_call.action.sources", "message.input_image.image_url",
			"computer_call_output.output.image_url", "code_interpreter_call.outputs":
		default:
			d.Fail(index(at, i), wire.Invalid, "%s is nothing that can be included. Leave it out.", index(at, i))
		}
	}
	return logProbs, results
}

func (d *decoder) reasoning(v wire.Value, at string, req *ResponseRequest) {
	d.object(v, at, table{
		"effort": func(v wire.Value, at string) {
			d.effort(v, at, &req.Ask.Options)
			req.shown.Reasoning.Effort = &v.Text
		},
		"summary":          d.is(wire.String), // the reasoning itself comes, and no summary of it
		"generate_summary": d.is(wire.String),
	})
}

func (d *decoder) textOptions(v wire.Value, at string, req *ResponseRequest) {
	d.object(v, at, table{
		"format": func(v wire.Value, at string) {
			d.textFormat(v, at, &req.Ask.Options)
			req.shown.Text.Format = again(v)
		},
		"verbosity": d.verbosity,
	})
}

func (d *decoder) truncation(v wire.Value, at string) (fit bool, word string) {
	if d.Want(v, at, wire.String) && v.Text != "auto" && v.Text != "disabled" {
		d.Fail(at, wire.Invalid, "truncation is unknown: use auto or disabled.")
	}
	return v.Text == "auto", v.Text
}

func (d *decoder) metadata(v wire.Value, at string) map[string]string {
	out := map[string]string{}
	if !d.Want(v, at, wire.Object) {
		return out
	}
	for _, f := range v.Fields {
		where := at + "." + wire.Printable(f.Name)
		if d.Want(f.Value, where, wire.String) && (len(v.Fields) > 16 || len(f.Name) > 64 || len(f.Value.Text) > 512) {
			d.Fail(at, wire.Invalid, "metadata holds at most 16 texts of 512 bytes, under names of at most 64.")
		}
		out[f.Name] = f.Value.Text
	}
	return out
}

// again gives a value as it was sent.
func again(v wire.Value) json.RawMessage {
	if v.Raw != nil {
		return json.RawMessage(v.Raw)
	}
	return wire.Encode(v.Text)
}

func toolsShown(v wire.Value, t tools) []any {
	out := make([]any, len(t.offered))
	for i, tool := range t.offered {
		x := toolShown{"function", tool.Name, tool.Description, tool.Parameters, nil}
		if tool.Parameters == nil {
			x.Parameters = json.RawMessage("null")
		}
		for _, f := range v.List[i].Fields {
			if f.Name == "strict" && f.Value.Kind == wire.Bool {
				x.Strict = &f.Value.Truth
			}
		}
		out[i] = x
	}
	return out
}
