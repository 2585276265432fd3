package anthropic

import (
	"bytes"
	"math"
	"strconv"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

// thinking maps the dialect's three ways onto whether a model shall reason
// first; adaptive leaves it to the model.
func (d *decoder) thinking(v wire.Value, at string, req *Request) {
	way := d.kind(v, at)
	known := fields{"type": ignored}
	display := ""
	switch way {
	case "disabled":
		req.Ask.Options.Think = new(false)
	case "adaptive", "enabled":
		known["display"] = d.text(&display)
		req.Ask.Options.Think = nil
		req.Thoughts = ShownThoughts
		if way == "enabled" {
			req.Ask.Options.Think = new(true)
			known["budget_tokens"] = func(v wire.Value, at string) { d.Int(v, at, 1024, math.MaxInt32) }
		}
	default:
		d.Fail(at+".type", wire.Unsupported, "%s.type is not one that is supported: use enabled, adaptive or disabled.", at)
		return
	}
	d.object(v, at, known)
	switch display {
	case "", "summarized":
	case "omitted":
		req.Thoughts = OmittedThoughts
	default:
		d.Fail(at+".display", wire.Invalid, "%s.display is unknown: use summarized or omitted.", at)
	}
}

func (d *decoder) outputConfig(v wire.Value, at string, o *engine.Options) {
	d.object(v, at, fields{
		"effort": func(v wire.Value, at string) { d.Want(v, at, wire.String) },
		"format": func(v wire.Value, at string) { d.format(v, at, o) },
	})
}

// format reads output_config.format, and output_format, which it was called
// before.
func (d *decoder) format(v wire.Value, at string, o *engine.Options) {
	if kind := d.kind(v, at); kind != "json_schema" {
		d.Fail(at+".type", wire.Unsupported, "%s.type is not supported: use json_schema.", at)
		return
	}
	var schema []byte
	d.object(v, at, fields{
		"type":   ignored,
		"schema": func(v wire.Value, at string) { schema = d.schema(v, at) },
	})
	switch {
	case schema == nil:
		d.Fail(at+".schema", wire.Missing, "%s.schema is missing: send a JSON Schema as an object.", at)
	case o.JSONSchema != nil && !bytes.Equal(o.JSONSchema, schema):
		d.Fail(at, wire.Invalid, "output_config.format and output_format differ; send only output_config.format.")
	default:
		o.JSONSchema = schema
	}
}

// schema bounds what is handed on; which keywords a schema may use, how deep and
// how often, is the engine's to judge.
func (d *decoder) schema(v wire.Value, at string) []byte {
	if !d.Want(v, at, wire.Object) {
		return nil
	}
	if len(v.Raw) > maxSchemaBytes {
		d.Fail(at, wire.Invalid, "%s has %d bytes, the most is %d. Make it smaller.", at, len(v.Raw), maxSchemaBytes)
	}
	return bytes.Clone(v.Raw)
}

// context reads context_management. Agents send the edit that forgets old
// reasoning with every request, and forgetting is all that it asks: it is done
// here. The other edits are refused.
func (d *decoder) context(v wire.Value, at string, messages []engine.Message) {
	d.object(v, at, fields{"edits": func(v wire.Value, at string) {
		if !d.Want(v, at, wire.List) {
			return
		}
		if len(v.List) > maxEdits {
			d.Fail(at, wire.Invalid, "%s holds %d edits; send at most %d.", at, len(v.List), maxEdits)
			return
		}
		for i, edit := range v.List {
			where := at + "[" + strconv.Itoa(i) + "]"
			if kind := d.kind(edit, where); kind != "clear_thinking_20251015" {
				d.Fail(where+".type", wire.Unsupported, "%s.type is not supported: only clear_thinking_20251015 is. Leave the edit out, and shorten the conversation in your own program.", where)
				return
			}
			keep := 1
			d.object(edit, where, fields{
				"type": ignored,
				"keep": func(v wire.Value, at string) { keep = d.turns(v, at) },
			})
			forget(messages, keep)
		}
	}})
}

// turns reads how many turns keep their reasoning: "all", or an object of that
// type, or a number of them.
func (d *decoder) turns(v wire.Value, at string) int {
	n := math.MaxInt
	if v.Kind == wire.String && v.Text == "all" {
		return n
	}
	if v.Kind != wire.Object {
		d.Fail(at, wire.Invalid, "%s is no number of turns; send all, or an object of the type thinking_turns.", at)
		return n
	}
	switch d.kind(v, at) {
	case "all":
		d.object(v, at, fields{"type": ignored})
	case "thinking_turns":
		known := 0
		d.object(v, at, fields{"type": ignored, "value": func(v wire.Value, at string) { known = int(d.Int(v, at, 1, math.MaxInt32)) }})
		if n = known; n == 0 {
			d.Fail(at+".value", wire.Missing, "%s.value is missing: say how many turns keep their thinking.", at)
		}
	default:
		d.Fail(at+".type", wire.Invalid, "%s.type is unknown: use all or thinking_turns.", at)
	}
	return n
}

// forget takes the reasoning out of all but the newest answers that have any.
func forget(messages []engine.Message, keep int) {
	for i := len(messages) - 1; i >= 0; i-- {
		switch {
		case messages[i].Reasoning == "":
		case keep > 0:
			keep--
		default:
			messages[i].Reasoning = ""
		}
	}
}
