package anthropic

import (
	"regexp"
	"slices"
	"strconv"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

var (
	toolName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	callID   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
)

func (d *decoder) tools(v wire.Value) []engine.Tool {
	const at = "tools"
	if !d.Want(v, at, wire.List) {
		return nil
	}
	if len(v.List) > maxTools {
		d.Fail(at, wire.Invalid, "%s holds %d tools; send at most %d.", at, len(v.List), maxTools)
		return nil
	}
	var tools []engine.Tool
	for i, t := range v.List {
		where := at + "[" + strconv.Itoa(i) + "]"
		tool := d.tool(t, where)
		if slices.ContainsFunc(tools, func(other engine.Tool) bool { return other.Name == tool.Name }) {
			d.Fail(where+".name", wire.Invalid, "%s.name is the name of another tool too; give each its own.", where)
		}
		tools = append(tools, tool)
	}
	return tools
}

// tool reads a tool that the asking program runs. Those with a type of their own
// run on the company's servers, or have a shape that only its models know.
func (d *decoder) tool(v wire.Value, at string) (t engine.Tool) {
	for _, f := range v.Fields {
		if f.Name == "type" && f.Value.Kind == wire.String && f.Value.Text != "custom" {
			d.Fail(at+".type", wire.Unsupported, "%s.type is not supported: Abaton has no tools of a company's servers, and none that only its models know. Send tools of the type custom, with an input_schema.", at)
			return t
		}
	}
	truth := func(v wire.Value, at string) { d.Bool(v, at) }
	d.object(v, at, fields{
		"type":                  func(v wire.Value, at string) { d.Want(v, at, wire.String) },
		"name":                  func(v wire.Value, at string) { t.Name = d.toolName(v, at) },
		"description":           d.text(&t.Description),
		"input_schema":          func(v wire.Value, at string) { t.Parameters = d.schema(v, at) },
		"strict":                truth,
		"eager_input_streaming": truth,
		"defer_loading":         truth,
		"input_examples": func(v wire.Value, at string) {
			if d.Want(v, at, wire.List) && len(v.List) > 0 {
				d.Fail(at, wire.Unsupported, "%s is not supported. Put the examples into the tool's description.", at)
			}
		},
		"allowed_callers": func(v wire.Value, at string) {
			if !d.Want(v, at, wire.List) || slices.ContainsFunc(v.List, func(c wire.Value) bool { return c.Text == "direct" }) {
				return
			}
			d.Fail(at, wire.Unsupported, "%s leaves out direct, and Abaton runs no code that could call a tool. Leave it out.", at)
		},
	})
	if t.Name == "" {
		d.Fail(at+".name", wire.Missing, "%s.name is missing: give the tool a name.", at)
	}
	if t.Parameters == nil {
		d.Fail(at+".input_schema", wire.Missing, "%s.input_schema is missing: send a JSON Schema as an object.", at)
	}
	return t
}

func (d *decoder) toolName(v wire.Value, at string) string {
	if d.Want(v, at, wire.String) && !toolName.MatchString(v.Text) {
		d.Fail(at, wire.Invalid, "%s is no name of a tool: use 1 to 64 letters, digits, _ and -.", at)
	}
	return v.Text
}

func (d *decoder) callID(v wire.Value, at string) string {
	if d.Want(v, at, wire.String) && !callID.MatchString(v.Text) {
		d.Fail(at, wire.Invalid, "%s is no id of a tool_use: use 1 to 128 letters, digits, _ and -.", at)
	}
	return v.Text
}

func (d *decoder) toolChoice(v wire.Value, at string, o *engine.Options) {
	kind := d.kind(v, at)
	known := fields{"type": ignored}
	if kind != "none" {
		known["disable_parallel_tool_use"] = d.truth(&o.OneCall)
	}
	switch kind {
	case "auto":
	case "none":
		o.ToolChoice = engine.NoCall
	case "any":
		o.ToolChoice = engine.MustCall
	case "tool":
		o.ToolChoice = engine.MustCall
		known["name"] = func(v wire.Value, at string) { o.OnlyTool = d.toolName(v, at) }
	default:
		d.Fail(at+".type", wire.Invalid, "%s.type is unknown: use auto, any, tool or none.", at)
		return
	}
	d.object(v, at, known)
	switch {
	case kind == "tool" && o.OnlyTool == "":
		d.Fail(at+".name", wire.Missing, "%s.name is missing: name the tool to be used.", at)
	case kind == "tool" && !slices.ContainsFunc(o.Tools, func(t engine.Tool) bool { return t.Name == o.OnlyTool }):
		d.Fail(at+".name", wire.Invalid, "%s.name names none of the tools; send it in tools, or name another.", at)
	case kind == "any" && len(o.Tools) == 0:
		d.Fail(at, wire.Invalid, "%s wants a tool to be used and there is none; send some in tools.", at)
	}
}
