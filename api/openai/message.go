package openai

import (
	"abaton.local/api/wire"
	"abaton.local/engine"
)

func (d *decoder) messages(v wire.Value, at string) []engine.Message {
	list := d.list(v, at, "messages", 1, maxMessages)
	if list == nil {
		return nil
	}
	out := make([]engine.Message, len(list))
	for i, m := range list {
		out[i] = d.message(m, index(at, i), i)
	}
	return out
}

// spoken is a message as it was sent.
type spoken struct {
	role, name, callID string
	reasoning, refusal string
	content            *wire.Value
	calls              []engine.Call
}

// message reads the i-th message.
func (d *decoder) message(v wire.Value, at string, i int) (m engine.Message) {
	var s spoken
	have := d.object(v, at, table{
		"role":              d.text(&s.role),
		"content":           func(v wire.Value, _ string) { s.content = &v },
		"name":              d.text(&s.name), // tells speakers of one role apart; no template we know of uses it
		"refusal":           d.text(&s.refusal),
		"reasoning_content": d.text(&s.reasoning),
		"reasoning":         d.text(&s.reasoning),
		"tool_calls":        func(v wire.Value, at string) { s.calls = d.toolCalls(v, at) },
		"function_call":     func(v wire.Value, at string) { s.calls = []engine.Call{d.functionCall(v, at)} },
		"tool_call_id":      d.text(&s.callID),
		"audio":             nil, "annotations": nil,
	})
	if !have["role"] {
		d.Fail(at+".role", wire.Missing, "%s.role is missing: use system, developer, user, assistant or tool.", at)
		return m
	}
	m.Role = d.role(s.role, at+".role")
	if m.Role != engine.Assistant {
		for _, name := range []string{"tool_calls", "function_call", "reasoning_content", "reasoning", "refusal"} {
			if have[name] && (len(s.calls) > 0 || s.reasoning+s.refusal != "") {
				d.Fail(at+"."+name, wire.Invalid, "%s.%s belongs to the assistant; this message is not its.", at, name)
			}
		}
	}
	m.Reasoning, m.Calls = s.reasoning, s.calls
	switch {
	case s.content != nil:
		var pictures [][]byte
		m.Content, pictures = d.content(*s.content, at+".content", m.Role)
		for _, raw := range pictures {
			d.picture(wire.Picture{Message: i, Raw: raw}, at)
		}
	case m.Role == engine.Assistant && (len(m.Calls) > 0 || m.Reasoning != "" || s.refusal != ""):
	default:
		d.Fail(at+".content", wire.Missing, "%s.content is missing: send a text.", at)
	}
	if m.Content == "" {
		m.Content = s.refusal
	}
	d.answers(s, &m, at, have["tool_call_id"])
	return m
}

// answers ties what a tool gave to the call that it answers.
func (d *decoder) answers(s spoken, m *engine.Message, at string, given bool) {
	switch {
	case s.role == "function":
		if s.name == "" {
			d.Fail(at+".name", wire.Missing, "%s.name is missing: name the function that gave this.", at)
		}
		m.CallID = legacyID(s.name)
	case s.role == "tool":
		if s.callID == "" {
			d.Fail(at+".tool_call_id", wire.Missing, "%s.tool_call_id is missing: send the id of the call that this answers.", at)
		}
		m.CallID = s.callID
	case given:
		d.Fail(at+".tool_call_id", wire.Invalid, "%s.tool_call_id belongs to messages of the role tool.", at)
	}
	for _, c := range m.Calls {
		d.calls[c.ID] = true
	}
	if m.CallID != "" && !d.calls[m.CallID] {
		d.Fail(at, wire.Invalid, "%s answers a call that no message before it makes. Send the assistant's message with its tool_calls, too.", at)
	}
}

func (d *decoder) role(name, at string) engine.Role {
	switch name {
	case "system", "developer":
		return engine.System
	case "user":
		return engine.User
	case "assistant":
		return engine.Assistant
	case "tool", "function":
		return engine.FromTool
	}
	d.Fail(at, wire.Invalid, "%s is no role we know: use system, developer, user, assistant or tool.", at)
	return ""
}
