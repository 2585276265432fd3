package openai

import (
	"strings"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

// entry is an item of a conversation: of the input, or of an earlier output.
type entry struct {
	kind     itemKind
	role     string // of a message, as it was sent
	text     string // of a message, of reasoning, or what a tool gave
	pictures []sentPicture
	call     engine.Call // or the id of the one that is answered
}

type itemKind string

const (
	aMessage   itemKind = "message"
	aCall      itemKind = "function_call"
	anOutput   itemKind = "function_call_output"
	aReasoning itemKind = "reasoning"
	aSearch    itemKind = "file_search_call"
)

type sentPicture struct {
	url string
	raw []byte
}

func (d *decoder) input(v wire.Value, at string) []entry {
	if v.Kind == wire.String {
		return []entry{{kind: aMessage, role: "user", text: v.Text}}
	}
	var out []entry
	for i, item := range d.list(v, at, "items", 1, maxMessages) {
		out = append(out, d.item(item, index(at, i)))
	}
	return out
}

func (d *decoder) item(v wire.Value, at string) (e entry) {
	if !d.Want(v, at, wire.Object) {
		return e
	}
	e.kind = itemKind(kind(v))
	t := table{"type": d.is(wire.String), "id": d.is(wire.String), "status": d.is(wire.String)}
	need := func(names ...string) {
		have := d.object(v, at, t)
		for _, name := range names {
			if !have[name] {
				d.Fail(at+"."+name, wire.Missing, "%s.%s is missing.", at, name)
			}
		}
	}
	switch e.kind {
	case "", aMessage:
		e.kind = aMessage
		var content *wire.Value
		t.and(table{"role": d.text(&e.role), "phase": d.is(wire.String), "content": func(v wire.Value, at string) { content = &v }})
		need("role", "content")
		if d.Err == nil {
			d.spoken(&e, *content, at)
		}
	case aCall:
		t.and(table{
			"call_id":   func(v wire.Value, at string) { e.call.ID = d.callID(v, at) },
			"name":      func(v wire.Value, at string) { e.call.Name = d.toolName(v, at) },
			"arguments": func(v wire.Value, at string) { e.call.Arguments = d.arguments(v, at) },
			"namespace": nil, "caller": nil,
		})
		need("call_id", "name", "arguments")
	case anOutput:
		t.and(table{
			"call_id": func(v wire.Value, at string) { e.call.ID = d.callID(v, at) },
			"output":  func(v wire.Value, at string) { e.text = d.output(v, at) },
			"name":    d.is(wire.String), "namespace": nil, "caller": nil,
		})
		need("call_id", "output")
	case aReasoning:
		var summary string
		t.and(table{
			"summary":           func(v wire.Value, at string) { summary = d.reasoned(v, at, "summary_text") },
			"content":           func(v wire.Value, at string) { e.text = d.reasoned(v, at, "reasoning_text") },
			"encrypted_content": nil,
		})
		need()
		if e.text == "" {
			e.text = summary
		}
	case aSearch: // of an answer that is sent back: what was found then says nothing now
		t.and(table{"queries": d.is(wire.List), "results": d.is(wire.List), "abaton_conflicts": d.is(wire.List)})
		need()
	case "item_reference":
		d.Fail(at, wire.Unsupported, "%s names an item that was sent before; items are not kept by themselves. Send the item, or previous_response_id.", at)
	default:
		d.Fail(at+".type", wire.Unsupported, "%s is no item we know: use message, function_call, function_call_output or reasoning.", at)
	}
	return e
}

// spoken reads what a message holds.
func (d *decoder) spoken(e *entry, v wire.Value, at string) {
	switch e.role {
	case "system", "developer", "user", "assistant":
	default:
		d.Fail(at+".role", wire.Invalid, "%s.role is no role we know: use system, developer, user or assistant.", at)
	}
	if v.Kind == wire.String {
		e.text = v.Text
		return
	}
	var texts []string
	for i, part := range d.list(v, at+".content", "parts", 1, maxMessages) {
		where := index(at+".content", i)
		switch kind(part) {
		case "input_text", "output_text", "text":
			texts = append(texts, d.textPart(part, where, "text"))
		case "refusal":
			texts = append(texts, d.textPart(part, where, "refusal"))
		case "input_image":
			if e.role != "user" {
				d.Fail(where, wire.Unsupported, "%s is a picture; only messages of the role user can hold one.", where)
			}
			e.pictures = append(e.pictures, d.inputImage(part, where))
		default:
			d.notPart(part, where)
		}
	}
	e.text = strings.Join(texts, "\n")
}

// inputImage reads a picture of responses.
func (d *decoder) inputImage(v wire.Value, at string) (p sentPicture) {
	have := d.object(v, at, table{
		"type": d.is(wire.String), "detail": d.is(wire.String), "prompt_cache_breakpoint": func(wire.Value, string) {},
		"image_url": func(v wire.Value, at string) { p = sentPicture{v.Text, d.dataURL(v, at)} },
		"file_id":   nil,
	})
	if !have["image_url"] {
		d.Fail(at+".image_url", wire.Missing, "%s.image_url is missing: send the picture as a data: URL.", at)
	}
	return p
}

// output reads what a tool gave.
func (d *decoder) output(v wire.Value, at string) string {
	if v.Kind == wire.String {
		return v.Text
	}
	var texts []string
	for i, part := range d.list(v, at, "parts", 1, maxMessages) {
		if kind(part) != "input_text" {
			d.notPart(part, index(at, i))
			break
		}
		texts = append(texts, d.textPart(part, index(at, i), "text"))
	}
	return strings.Join(texts, "\n")
}

func (d *decoder) reasoned(v wire.Value, at, what string) string {
	var texts []string
	for i, part := range d.list(v, at, "parts", 0, maxMessages) {
		if kind(part) != what {
			d.Fail(index(at, i), wire.Invalid, "%s is no part of the type %s.", index(at, i), what)
			break
		}
		texts = append(texts, d.textPart(part, index(at, i), "text"))
	}
	return strings.Join(texts, "\n")
}

// assemble makes the conversation of a request: reasoning, text and calls that
// the assistant gave one after the other are one turn of its.
func (d *decoder) assemble(req *ResponseRequest, entries []entry) {
	var out []engine.Message
	if req.instructions != "" {
		out = append(out, engine.Message{Role: engine.System, Content: req.instructions})
	}
	d.pictures = nil
	open := func(role engine.Role) *engine.Message {
		out = append(out, engine.Message{Role: role})
		return &out[len(out)-1]
	}
	// its gives the assistant's last turn if nothing of what comes after a piece
	// of this kind stands in it.
	its := func(free func(m *engine.Message) bool) *engine.Message {
		if n := len(out); n > 0 && out[n-1].Role == engine.Assistant && free(&out[n-1]) {
			return &out[n-1]
		}
		return open(engine.Assistant)
	}
	for _, e := range entries {
		switch e.kind {
		case aReasoning:
			m := its(func(m *engine.Message) bool { return m.Content == "" && len(m.Calls) == 0 && m.Reasoning == "" })
			m.Reasoning = e.text
		case aCall:
			m := its(func(*engine.Message) bool { return true })
			m.Calls = append(m.Calls, e.call)
			d.calls[e.call.ID] = true
		case anOutput:
			if !d.calls[e.call.ID] {
				d.Fail("input", wire.Invalid, "A function_call_output answers a call that no item before it makes. Send the function_call, too, or previous_response_id.")
			}
			m := open(engine.FromTool)
			m.Content, m.CallID = e.text, e.call.ID
		case aMessage:
			m := &engine.Message{}
			if role := d.role(e.role, "input"); role == engine.Assistant {
				m = its(func(m *engine.Message) bool { return m.Content == "" && len(m.Calls) == 0 })
			} else {
				m = open(role)
			}
			m.Content = e.text
			for _, p := range e.pictures {
				d.picture(wire.Picture{Message: len(out) - 1, Raw: p.raw}, "input")
			}
		}
	}
	if len(out) > maxMessages {
		d.Fail("input", wire.Invalid, "The conversation holds %d messages, the most is %d. Begin a new one.", len(out), maxMessages)
	}
	req.Ask.Messages, req.Pictures = out, d.pictures
}
