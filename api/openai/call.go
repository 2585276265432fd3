package openai

import (
	"abaton.local/api/wire"
	"abaton.local/engine"
)

const maxCallID = 256 // bytes

// toolCalls reads the calls of an assistant's message.
func (d *decoder) toolCalls(v wire.Value, at string) []engine.Call {
	var out []engine.Call
	ids := map[string]bool{}
	for i, c := range d.list(v, at, "calls", 0, maxTools) {
		where := index(at, i)
		call := d.toolCall(c, where)
		if ids[call.ID] {
			d.Fail(where+".id", wire.Invalid, "%s.id is the id of another call. Give each its own.", where)
		}
		ids[call.ID] = true
		out = append(out, call)
	}
	return out
}

func (d *decoder) toolCall(v wire.Value, at string) (c engine.Call) {
	if what := kind(v); what != "function" && what != "" {
		d.Fail(at+".type", wire.Unsupported, "%s is no call of a function; others are not part of Abaton.", at)
		return c
	}
	have := d.object(v, at, table{
		"type":     d.is(wire.String),
		"index":    d.is(wire.Number), // of a stream's piece that is sent back
		"id":       func(v wire.Value, at string) { c.ID = d.callID(v, at) },
		"function": func(v wire.Value, at string) { c.Name, c.Arguments = d.called(v, at) },
	})
	if !have["id"] {
		d.Fail(at+".id", wire.Missing, "%s.id is missing: send the id that the call came with.", at)
	}
	if !have["function"] {
		d.Fail(at+".function", wire.Missing, "%s.function is missing: send its name and arguments.", at)
	}
	return c
}

// functionCall reads the older form, which has no id.
func (d *decoder) functionCall(v wire.Value, at string) engine.Call {
	name, arguments := d.called(v, at)
	return engine.Call{ID: legacyID(name), Name: name, Arguments: arguments}
}

// legacyID stands for the id that the older form lacks.
func legacyID(name string) string { return "function_" + name }

func (d *decoder) called(v wire.Value, at string) (name, arguments string) {
	have := d.object(v, at, table{
		"name":      func(v wire.Value, at string) { name = d.toolName(v, at) },
		"arguments": func(v wire.Value, at string) { arguments = d.arguments(v, at) },
	})
	d.named(have, at)
	if !have["arguments"] {
		d.Fail(at+".arguments", wire.Missing, "%s.arguments is missing: send a JSON object as a string.", at)
	}
	return name, arguments
}

func (d *decoder) callID(v wire.Value, at string) string {
	if !d.Want(v, at, wire.String) {
		return ""
	}
	if v.Text == "" || len(v.Text) > maxCallID {
		d.Fail(at, wire.Invalid, "%s has %d bytes; send 1 to %d.", at, len(v.Text), maxCallID)
		return ""
	}
	return v.Text
}

// arguments reads what a function is called with. Some programs send an empty
// string where there are none.
func (d *decoder) arguments(v wire.Value, at string) string {
	if !d.Want(v, at, wire.String) {
		return ""
	}
	if v.Text == "" {
		return "{}"
	}
	if _, err := wire.Parse([]byte(v.Text)); err != nil {
		d.Fail(at, wire.Invalid, "%s does not hold a JSON object. Send the arguments as the model gave them, or leave this call out.", at)
	}
	return v.Text
}
