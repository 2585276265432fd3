package openai

import (
	"strconv"
	"strings"

	"abaton.local/engine"
)

func (d *decoder) messages(v node) []engine.Message {
	if !d.want(v, "messages", isList) {
		return nil
	}
	if len(v.list) == 0 || len(v.list) > maxMessages {
		d.fail("messages", codeInvalid, "messages holds %d messages; send between 1 and %d.", len(v.list), maxMessages)
		return nil
	}
	out := make([]engine.Message, len(v.list))
	for i, m := range v.list {
		out[i] = d.message(m, "messages["+strconv.Itoa(i)+"]")
	}
	return out
}

func (d *decoder) message(v node, at string) (m engine.Message) {
	if !d.want(v, at, isObject) {
		return m
	}
	var content *node
	for _, f := range v.fields {
		where := at + "." + printable(f.name)
		switch f.name {
		case "role":
			m.Role = d.role(f.value, where)
		case "content":
			content = &f.value
		case "name": // tells speakers of one role apart; no template we know of uses it
			if f.value.kind != isNull {
				d.want(f.value, where, isString)
			}
		case "refusal", "audio", "tool_calls", "function_call", "tool_call_id", "annotations":
			// Client libraries send an answer's own empty fields back.
			if f.value.kind != isNull && !(f.value.kind == isList && len(f.value.list) == 0) {
				d.fail(where, codeUnsupported, "%s is not supported. Leave it out.", where)
			}
		default:
			d.fail(where, codeUnknown, "Unknown parameter %s in %s. Check its spelling, or leave it out.", shown(f.name), at)
		}
	}
	if m.Role == "" {
		d.fail(at+".role", codeMissing, "%s.role is missing: use system, developer, user or assistant.", at)
	}
	if content == nil {
		d.fail(at+".content", codeMissing, "%s.content is missing: send a text.", at)
		return m
	}
	m.Content = d.content(*content, at+".content")
	return m
}

func (d *decoder) role(v node, at string) engine.Role {
	if !d.want(v, at, isString) {
		return ""
	}
	switch v.text {
	case "system", "developer":
		return engine.System
	case "user":
		return engine.User
	case "assistant":
		return engine.Assistant
	case "tool", "function":
		d.fail(at, codeUnsupported, "The role %s is not supported: tools are not part of Abaton yet. Use system, developer, user or assistant.", v.text)
	default:
		d.fail(at, codeInvalid, "%s is no role we know: use system, developer, user or assistant.", at)
	}
	return ""
}

// content joins text parts by newlines, as other servers of this dialect do.
func (d *decoder) content(v node, at string) string {
	if v.kind == isString {
		return v.text
	}
	if v.kind != isList || len(v.list) == 0 {
		d.fail(at, codeInvalid, "%s is %s; send a string or a list of text parts.", at, v.kind)
		return ""
	}
	texts := make([]string, len(v.list))
	for i, part := range v.list {
		texts[i] = d.part(part, at+"["+strconv.Itoa(i)+"]")
	}
	return strings.Join(texts, "\n")
}

func (d *decoder) part(v node, at string) (text string) {
	if !d.want(v, at, isObject) {
		return ""
	}
	var typed, texted bool
	for _, f := range v.fields {
		switch f.name {
		case "type":
			typed = d.want(f.value, at+".type", isString)
			if typed && f.value.text != "text" {
				d.fail(at+".type", codeUnsupported, "%s is not text: images, audio, files and refusals are not part of Abaton yet. Send text parts only.", at)
			}
		case "text":
			texted = d.want(f.value, at+".text", isString)
			text = f.value.text
		case "prompt_cache_breakpoint": // a caching hint
		default:
			d.fail(at+"."+printable(f.name), codeUnknown, "Unknown parameter %s in %s. Leave it out.", shown(f.name), at)
		}
	}
	if !typed || !texted {
		d.fail(at, codeMissing, `%s is not a text part; send {"type":"text","text":"…"}.`, at)
	}
	return text
}
