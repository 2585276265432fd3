package openai

import (
	"strconv"
	"strings"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

func (d *decoder) messages(v wire.Value) []engine.Message {
	if !d.Want(v, "messages", wire.List) {
		return nil
	}
	if len(v.List) == 0 || len(v.List) > maxMessages {
		d.Fail("messages", wire.Invalid, "messages holds %d messages; send between 1 and %d.", len(v.List), maxMessages)
		return nil
	}
	out := make([]engine.Message, len(v.List))
	for i, m := range v.List {
		out[i] = d.message(m, "messages["+strconv.Itoa(i)+"]")
	}
	return out
}

func (d *decoder) message(v wire.Value, at string) (m engine.Message) {
	if !d.Want(v, at, wire.Object) {
		return m
	}
	var content *wire.Value
	for _, f := range v.Fields {
		where := at + "." + wire.Printable(f.Name)
		switch f.Name {
		case "role":
			m.Role = d.role(f.Value, where)
		case "content":
			content = &f.Value
		case "name": // tells speakers of one role apart; no template we know of uses it
			if f.Value.Kind != wire.Null {
				d.Want(f.Value, where, wire.String)
			}
		case "refusal", "audio", "tool_calls", "function_call", "tool_call_id", "annotations":
			// Client libraries send an answer's own empty fields back.
			if f.Value.Kind != wire.Null && !(f.Value.Kind == wire.List && len(f.Value.List) == 0) {
				d.Fail(where, wire.Unsupported, "%s is not supported. Leave it out.", where)
			}
		default:
			d.Fail(where, wire.Unknown, "Unknown parameter %s in %s. Check its spelling, or leave it out.", wire.Shown(f.Name), at)
		}
	}
	if m.Role == "" {
		d.Fail(at+".role", wire.Missing, "%s.role is missing: use system, developer, user or assistant.", at)
	}
	if content == nil {
		d.Fail(at+".content", wire.Missing, "%s.content is missing: send a text.", at)
		return m
	}
	m.Content = d.content(*content, at+".content")
	return m
}

func (d *decoder) role(v wire.Value, at string) engine.Role {
	if !d.Want(v, at, wire.String) {
		return ""
	}
	switch v.Text {
	case "system", "developer":
		return engine.System
	case "user":
		return engine.User
	case "assistant":
		return engine.Assistant
	case "tool", "function":
		d.Fail(at, wire.Unsupported, "The role %s is not supported: tools are not part of Abaton yet. Use system, developer, user or assistant.", v.Text)
	default:
		d.Fail(at, wire.Invalid, "%s is no role we know: use system, developer, user or assistant.", at)
	}
	return ""
}

// content joins text parts by newlines, as other servers of this dialect do.
func (d *decoder) content(v wire.Value, at string) string {
	if v.Kind == wire.String {
		return v.Text
	}
	if v.Kind != wire.List || len(v.List) == 0 {
		d.Fail(at, wire.Invalid, "%s is %s; send a string or a list of text parts.", at, v.Kind)
		return ""
	}
	texts := make([]string, len(v.List))
	for i, part := range v.List {
		texts[i] = d.part(part, at+"["+strconv.Itoa(i)+"]")
	}
	return strings.Join(texts, "\n")
}

func (d *decoder) part(v wire.Value, at string) (text string) {
	if !d.Want(v, at, wire.Object) {
		return ""
	}
	var typed, texted bool
	for _, f := range v.Fields {
		switch f.Name {
		case "type":
			typed = d.Want(f.Value, at+".type", wire.String)
			if typed && f.Value.Text != "text" {
				d.Fail(at+".type", wire.Unsupported, "%s is not text: images, audio, files and refusals are not part of Abaton yet. Send text parts only.", at)
			}
		case "text":
			texted = d.Want(f.Value, at+".Text", wire.String)
			text = f.Value.Text
		case "prompt_cache_breakpoint": // a caching hint
		default:
			d.Fail(at+"."+wire.Printable(f.Name), wire.Unknown, "Unknown parameter %s in %s. Leave it out.", wire.Shown(f.Name), at)
		}
	}
	if !typed || !texted {
		d.Fail(at, wire.Missing, `%s is not a text part; send {"type":"text","text":"…"}.`, at)
	}
	return text
}
