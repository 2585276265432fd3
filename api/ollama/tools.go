package ollama

import (
	"bytes"
	"encoding/json"
	"slices"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

const (
	maxTools    = 128
	maxCalls    = 128 // of one message
	maxToolName = 64  // bytes
)

// tool is one tool while its fields come in.
type tool struct {
	engine.Tool
	function bool
}

type toolField = func(*decoder, *tool, wire.Value, string)

var toolFields = fields[tool]{inTools, map[string]toolField{
	"type": func(d *decoder, t *tool, v wire.Value, at string) { d.onlyFunction(v, at) },
	"function": func(d *decoder, t *tool, v wire.Value, at string) {
		t.function = true
		object(d, t, v, at, functionFields)
	},
}}

var functionFields = fields[tool]{inTools + "function.", map[string]toolField{
	"name":        func(d *decoder, t *tool, v wire.Value, at string) { t.Name = d.toolName(v, at) },
	"description": func(d *decoder, t *tool, v wire.Value, at string) { t.Description = d.text(v, at) },
	"parameters": func(d *decoder, t *tool, v wire.Value, at string) {
		if d.Want(v, at, wire.Object) && !noParameters(v) {
			t.Parameters = d.schema(v, at)
		}
	},
}}

func (d *decoder) tools(v wire.Value, at string) []engine.Tool {
	if !d.Want(v, at, wire.List) || len(v.List) == 0 {
		return nil
	}
	if len(v.List) > maxTools {
		d.Fail(at, wire.Invalid, "%s holds %d tools; send at most %d.", at, len(v.List), maxTools)
		return nil
	}
	var out []engine.Tool
	for i, value := range v.List {
		var t tool
		at := item(at, i)
		object(d, &t, value, at, toolFields)
		if !t.function || t.Name == "" {
			d.Fail(at+".function.name", wire.Missing, `%s has no name; send {"type":"function","function":{"name":"…","parameters":{…}}}.`, at)
		}
		if slices.ContainsFunc(out, func(o engine.Tool) bool { return o.Name == t.Name }) {
			d.Fail(at+".function.name", wire.Invalid, "%s.function.name is another tool's name, too. Give each tool a name of its own.", at)
		}
		out = append(out, t.Tool)
	}
	return out
}

func (d *decoder) onlyFunction(v wire.Value, at string) {
	if d.text(v, at) != "function" {
		d.Fail(at, wire.Unsupported, "%s can only be function: other tools are not part of Abaton.", at)
	}
}

func (d *decoder) toolName(v wire.Value, at string) string {
	name := d.text(v, at)
	if len(name) > maxToolName || !plain(name) {
		d.Fail(at, wire.Invalid, "%s is no name for a tool: use 1 to %d letters, digits, _ and -.", at, maxToolName)
	}
	return name
}

func plain(name string) bool {
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return name != ""
}

// noParameters knows what Ollama's own client sends for a tool without any:
// {"type":"object","properties":null}, or an empty type.
func noParameters(v wire.Value) bool {
	for _, f := range v.Fields {
		switch f.Name {
		case "type":
			if f.Value.Kind != wire.String || f.Value.Text != "" && f.Value.Text != "object" {
				return false
			}
		case "properties", "required", "$defs", "items":
			if !saysNothing(f.Value) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

type callField = func(*decoder, *engine.Call, wire.Value, string)

var callFields = fields[engine.Call]{inCalls, map[string]callField{
	"id":   func(d *decoder, c *engine.Call, v wire.Value, at string) { c.ID = d.id(v, at) },
	"type": func(d *decoder, c *engine.Call, v wire.Value, at string) { d.onlyFunction(v, at) },
	"function": func(d *decoder, c *engine.Call, v wire.Value, at string) {
		object(d, c, v, at, calledFields)
	},
}}

var calledFields = fields[engine.Call]{inCalls + "function.", map[string]callField{
	"name": func(d *decoder, c *engine.Call, v wire.Value, at string) { c.Name = d.toolName(v, at) },
	"arguments": func(d *decoder, c *engine.Call, v wire.Value, at string) {
		if d.Want(v, at, wire.Object) { // OpenAI's dialect has a string here, Ollama's has not
			c.Arguments = compact(v.Raw)
		}
	},
}}

func (d *decoder) calls(v wire.Value, at string) (out []engine.Call) {
	if !d.Want(v, at, wire.List) {
		return nil
	}
	if len(v.List) > maxCalls {
		d.Fail(at, wire.Invalid, "%s holds %d calls; send at most %d.", at, len(v.List), maxCalls)
		return nil
	}
	for i, value := range v.List {
		c := engine.Call{Arguments: "{}"}
		at := item(at, i)
		object(d, &c, value, at, callFields)
		if c.Name == "" {
			d.Fail(at+".function.name", wire.Missing, `%s names no tool; send {"function":{"name":"…","arguments":{…}}}.`, at)
		}
		out = append(out, c)
	}
	return out
}

// compact takes the white space out of JSON.
func compact(raw []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return "{}" // never: it was parsed already
	}
	return b.String()
}
