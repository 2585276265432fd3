package openai

import (
	"regexp"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

const maxTools = 128

var toolName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// form is how a function is written down.
type form int

const (
	wrapped form = iota // {"type":"function","function":{…}}: chat completions
	flat                // {"type":"function","name":…}: responses
	bare                // {"name":…}: the older functions
)

// tools are those that a request offers, and what it says about their use.
type tools struct {
	offered []engine.Tool
	choice  wire.Value // of no kind where it was left out
	at      string
	one     bool // at most one call
	legacy  bool
}

func (d *decoder) tools(v wire.Value, at string, f form) []engine.Tool {
	var out []engine.Tool
	names := map[string]bool{}
	for i, t := range d.list(v, at, "tools", 0, maxTools) {
		where := index(at, i)
		tool := d.tool(t, where, f)
		if names[tool.Name] {
			d.Fail(where, wire.Invalid, "%s has the name of another tool. Give each its own.", where)
		}
		names[tool.Name] = true
		out = append(out, tool)
	}
	return out
}

func (d *decoder) tool(v wire.Value, at string, f form) (t engine.Tool) {
	function := table{
		"name":        func(v wire.Value, at string) { t.Name = d.toolName(v, at) },
		"description": d.text(&t.Description),
		"parameters":  func(v wire.Value, at string) { t.Parameters = d.jsonSchema(v, at) },
		"strict":      d.is(wire.Bool), // arguments always follow the schema here
	}
	if f == bare {
		d.named(d.object(v, at, function), at)
		return t
	}
	if what := kind(v); v.Kind == wire.Object && what != "function" {
		d.Fail(at+".type", wire.Unsupported, "%s is no function: tools that the server runs itself are not part of Abaton. Send tools of the type function only.", at)
		return t
	}
	if f == flat {
		d.named(d.object(v, at, function.and(table{"type": d.is(wire.String)})), at)
		return t
	}
	have := d.object(v, at, table{
		"type":     d.is(wire.String),
		"function": func(v wire.Value, at string) { d.named(d.object(v, at, function), at) },
	})
	if !have["function"] {
		d.Fail(at+".function", wire.Missing, "%s.function is missing: send an object with a name.", at)
	}
	return t
}

func (d *decoder) named(have map[string]bool, at string) {
	if !have["name"] {
		d.Fail(at+".name", wire.Missing, "%s.name is missing.", at)
	}
}

func (d *decoder) toolName(v wire.Value, at string) string {
	if !d.Want(v, at, wire.String) {
		return ""
	}
	if !toolName.MatchString(v.Text) {
		d.Fail(at, wire.Invalid, "%s is no name for a tool: use 1 to 64 of the characters A-Z, a-z, 0-9, _ and -.", at)
		return ""
	}
	return v.Text
}

// choose settles which tools the model sees and whether it must call one.
func (d *decoder) choose(t tools, o *engine.Options, f form) {
	o.Tools = t.offered
	o.OneCall = t.one && len(t.offered) > 0
	v := t.choice
	if v.Kind == "" {
		return
	}
	if v.Kind == wire.String {
		switch v.Text {
		case "auto":
			return
		case "none":
			if len(o.Tools) > 0 {
				o.ToolChoice = engine.NoCall
			}
			return
		case "required":
			o.ToolChoice = engine.MustCall
		default:
			d.Fail(t.at, wire.Invalid, "%s is no choice we know: use auto, none, required or the name of a function.", t.at)
		}
	} else {
		d.chosen(v, t.at, o, f)
	}
	if len(o.Tools) == 0 {
		d.Fail(t.at, wire.Invalid, "%s is only allowed where tools are sent.", t.at)
	}
}

// chosen reads a choice that names tools.
func (d *decoder) chosen(v wire.Value, at string, o *engine.Options, f form) {
	if !d.Want(v, at, wire.Object) {
		return
	}
	if at == "function_call" {
		f = bare
	}
	switch what := kind(v); {
	case what == "allowed_tools" && f == wrapped:
		have := d.object(v, at, table{"type": d.is(wire.String), "allowed_tools": func(v wire.Value, at string) { d.allowed(v, at, o, f) }})
		if !have["allowed_tools"] {
			d.Fail(at+".allowed_tools", wire.Missing, "%s.allowed_tools is missing.", at)
		}
	case what == "allowed_tools" && f == flat:
		d.allowed(v, at, o, f)
	case what == "function" || f == bare:
		name := d.chosenName(v, at, f)
		if !offers(o.Tools, name) {
			d.Fail(at, wire.Invalid, "%s names a function that is not among the tools.", at)
		}
		o.ToolChoice, o.OnlyTool = engine.MustCall, name
	default:
		d.Fail(at+".type", wire.Unsupported, "%s is neither a function nor allowed_tools. Use one of them, or auto, none or required.", at)
	}
}

// chosenName reads the name of one function.
func (d *decoder) chosenName(v wire.Value, at string, f form) (name string) {
	t := table{"name": d.text(&name)}
	switch f {
	case wrapped:
		have := d.object(v, at, table{"type": d.is(wire.String), "function": func(v wire.Value, at string) { d.named(d.object(v, at, t), at) }})
		if !have["function"] {
			d.Fail(at+".function", wire.Missing, "%s.function is missing: name the function.", at)
		}
	case flat:
		d.named(d.object(v, at, t.and(table{"type": d.is(wire.String)})), at)
	case bare:
		d.named(d.object(v, at, t), at)
	}
	return name
}

// allowed reads a choice among some of the tools: the others are not shown.
func (d *decoder) allowed(v wire.Value, at string, o *engine.Options, f form) {
	var mode string
	var some []engine.Tool
	have := d.object(v, at, table{
		"type": d.is(wire.String),
		"mode": d.text(&mode),
		"tools": func(v wire.Value, at string) {
			names := map[string]bool{}
			for i, t := range d.list(v, at, "tools", 1, maxTools) {
				name := d.chosenName(t, index(at, i), f)
				if !offers(o.Tools, name) {
					d.Fail(index(at, i), wire.Invalid, "%s names a function that is not among the tools.", index(at, i))
				}
				names[name] = true
			}
			for _, t := range o.Tools {
				if names[t.Name] {
					some = append(some, t)
				}
			}
		},
	})
	if !have["tools"] {
		d.Fail(at+".tools", wire.Missing, "%s.tools is missing: list the tools that may be called.", at)
	}
	switch mode {
	case "auto":
	case "required":
		o.ToolChoice = engine.MustCall
	default:
		d.Fail(at+".mode", wire.Invalid, "%s.mode is missing or unknown: use auto or required.", at)
	}
	o.Tools = some
}

func offers(tools []engine.Tool, name string) bool {
	for _, t := range tools {
		if t.Name == name {
			return true
		}
	}
	return false
}
