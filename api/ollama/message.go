package ollama

import (
	"encoding/base64"
	"strings"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

const (
	maxMessages = 4096
	maxPictures = 64  // of one message
	maxID       = 128 // bytes
)

var chatFields = askedFields.with(map[string]askedField{
	"messages": func(d *decoder, b *asked, v wire.Value, at string) { b.Ask.Messages = d.messages(v, at) },
	"tools":    func(d *decoder, b *asked, v wire.Value, at string) { b.Ask.Options.Tools = d.tools(v, at) },
})

// message is one message while its fields come in.
type message struct {
	engine.Message
	tool string // the name of the one whose result this is
}

var messageFields = fields[message]{inMessages, map[string]func(*decoder, *message, wire.Value, string){
	"role":         func(d *decoder, m *message, v wire.Value, at string) { m.Role = d.role(v, at) },
	"content":      func(d *decoder, m *message, v wire.Value, at string) { m.Content = d.text(v, at) },
	"thinking":     func(d *decoder, m *message, v wire.Value, at string) { m.Reasoning = d.text(v, at) },
	"images":       func(d *decoder, m *message, v wire.Value, at string) { m.Images = d.pictures(v, at) },
	"tool_calls":   func(d *decoder, m *message, v wire.Value, at string) { m.Calls = d.calls(v, at) },
	"tool_name":    func(d *decoder, m *message, v wire.Value, at string) { m.tool = d.text(v, at) },
	"name":         func(d *decoder, m *message, v wire.Value, at string) { m.tool = d.text(v, at) }, // older clients
	"tool_call_id": func(d *decoder, m *message, v wire.Value, at string) { m.CallID = d.id(v, at) },
}}

func (d *decoder) messages(v wire.Value, at string) []engine.Message {
	if !d.Want(v, at, wire.List) || len(v.List) == 0 {
		return nil
	}
	if len(v.List) > maxMessages {
		d.Fail(at, wire.Invalid, "%s holds %d messages; send at most %d.", at, len(v.List), maxMessages)
		return nil
	}
	out := make([]engine.Message, len(v.List))
	var p pairing
	for i, value := range v.List {
		var m message
		at := item(at, i)
		object(d, &m, value, at, messageFields)
		d.fits(m, at)
		p.pair(d, &m, i, at)
		out[i] = m.Message
	}
	p.name(out)
	return out
}

func (d *decoder) role(v wire.Value, at string) engine.Role {
	role := engine.Role(strings.ToLower(d.text(v, at))) // as Ollama reads it
	switch role {
	case engine.System, engine.User, engine.Assistant, engine.FromTool:
		return role
	}
	d.Fail(at, wire.Invalid, "%s is no role we know: use system, user, assistant or tool.", at)
	return ""
}

// fits tells whether a message holds only what its role can say.
func (d *decoder) fits(m message, at string) {
	only := func(field string, there bool, role engine.Role) {
		if there && m.Role != role {
			d.Fail(at+"."+field, wire.Invalid, "%s.%s is only allowed in a message whose role is %s.", at, field, role)
		}
	}
	if m.Role == "" {
		d.Fail(at+".role", wire.Missing, "%s.role is missing: use system, user, assistant or tool.", at)
	}
	only("images", len(m.Images) > 0, engine.User)
	only("thinking", m.Reasoning != "", engine.Assistant)
	only("tool_calls", len(m.Calls) > 0, engine.Assistant)
	only("tool_call_id", m.CallID != "", engine.FromTool)
}

// pictures decodes base64, and looks no further: what the bytes are is found out
// in a jail, before any model sees them.
func (d *decoder) pictures(v wire.Value, at string) (out []engine.Image) {
	if !d.Want(v, at, wire.List) {
		return nil
	}
	if len(v.List) > maxPictures {
		d.Fail(at, wire.Invalid, "%s holds %d pictures; send at most %d.", at, len(v.List), maxPictures)
		return nil
	}
	for i, p := range v.List {
		text := d.text(p, item(at, i))
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(b) == 0 {
			d.Fail(item(at, i), wire.Invalid, "%s is no picture in base64 (RFC 4648, padded, without a data: prefix).", item(at, i))
			return nil
		}
		out = append(out, engine.Image{PNG: b})
	}
	return out
}

// id reads a name that a client gave to a call.
func (d *decoder) id(v wire.Value, at string) string {
	id := d.text(v, at)
	if len(id) > maxID || strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		d.Fail(at, wire.Invalid, "%s is longer than %d bytes or holds control characters.", at, maxID)
	}
	return id
}
