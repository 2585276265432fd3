package anthropic

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

// turn is what one side says in one go: a message, or several in a row.
type turn struct {
	role     engine.Role
	results  []engine.Message
	texts    []string
	thoughts []string
	calls    []engine.Call
	pictures [][]byte
}

// message reads one message.
func (d *decoder) message(v wire.Value, at string) (t turn) {
	var content *wire.Value
	d.object(v, at, fields{
		"role":    func(v wire.Value, at string) { t.role = d.role(v, at) },
		"content": func(v wire.Value, _ string) { content = &v },
	})
	if t.role == "" {
		d.Fail(at+".role", wire.Missing, "%s.role is missing: use user or assistant.", at)
		return t
	}
	if content == nil {
		d.Fail(at+".content", wire.Missing, "%s.content is missing: send a text or a list of blocks.", at)
		return t
	}
	d.content(*content, at+".content", &t)
	return t
}

func (d *decoder) role(v wire.Value, at string) engine.Role {
	if !d.Want(v, at, wire.String) {
		return ""
	}
	switch v.Text {
	case "user", "assistant", "system":
		return engine.Role(v.Text)
	}
	d.Fail(at, wire.Invalid, "%s is no role we know: use user or assistant, and give what tools gave back as tool_result blocks of the user.", at)
	return ""
}

// content reads a text or a list of blocks. Empty texts are left out.
func (d *decoder) content(v wire.Value, at string, t *turn) {
	switch v.Kind {
	case wire.String:
		t.say(v.Text)
	case wire.List:
		for i, b := range v.List {
			d.block(b, at+"["+strconv.Itoa(i)+"]", t)
		}
	default:
		d.Fail(at, wire.Invalid, "%s is %s; send a string or a list of blocks.", at, v.Kind)
	}
}

func (t *turn) say(text string) {
	if text != "" {
		t.texts = append(t.texts, text)
	}
}

// may says which blocks a role's messages hold.
var may = map[engine.Role][]string{
	engine.System:    {"text"},
	engine.User:      {"text", "image", "tool_result"},
	engine.Assistant: {"text", "thinking", "redacted_thinking", "tool_use"},
	engine.FromTool:  {"text", "image"},
}

func (d *decoder) block(v wire.Value, at string, t *turn) {
	kind := d.kind(v, at)
	if kind == "" {
		return
	}
	if !slices.Contains(may[t.role], kind) {
		d.foreign(kind, at, t.role)
		return
	}
	var text string
	switch kind {
	case "text":
		d.object(v, at, fields{"type": ignored, "text": d.text(&text), "citations": d.empty})
		if !has(v, "text") {
			d.Fail(at+".text", wire.Missing, "%s.text is missing: send a text.", at)
		}
		t.say(text)
	case "image":
		d.image(v, at, t)
	case "tool_use":
		t.calls = append(t.calls, d.toolUse(v, at))
	case "tool_result":
		d.toolResult(v, at, t)
	case "thinking":
		d.object(v, at, fields{"type": ignored, "thinking": d.text(&text), "signature": func(v wire.Value, at string) { d.Want(v, at, wire.String) }})
		if !has(v, "thinking") {
			d.Fail(at+".thinking", wire.Missing, "%s.thinking is missing: send the block back as it came.", at)
		}
		if text != "" {
			t.thoughts = append(t.thoughts, text)
		}
	case "redacted_thinking":
		d.object(v, at, fields{"type": ignored, "data": func(v wire.Value, at string) { d.Want(v, at, wire.String) }})
		if !has(v, "data") {
			d.Fail(at+".data", wire.Missing, "%s.data is missing: send the block back as it came.", at)
		}
	}
}

// foreign refuses a block that is unknown, or not for this place.
func (d *decoder) foreign(kind, at string, role engine.Role) {
	instead, known := blocks[kind]
	if strings.HasSuffix(kind, "_tool_result") {
		kind = "server_tool_result" // there are many, and what was sent is not sent back
		instead, known = blocks["server_tool_use"], true
	}
	who := "of the role " + string(role)
	if role == engine.FromTool {
		who = "inside a tool_result"
	}
	switch {
	case known:
		d.Fail(at+".type", wire.Unsupported, "%s is a block of the type %s, which is not supported. %s", at, kind, instead)
	default:
		d.Fail(at+".type", wire.Invalid, "%s has a type that does not belong there: content %s holds %s.", at, who, strings.Join(may[role], ", "))
	}
}

// has tells whether an object has a field that is not null.
func has(v wire.Value, name string) bool {
	return slices.ContainsFunc(v.Fields, func(f wire.Field) bool { return f.Name == name && f.Value.Kind != wire.Null })
}

// empty reads a list that must say nothing.
func (d *decoder) empty(v wire.Value, at string) {
	if d.Want(v, at, wire.List) && len(v.List) > 0 {
		d.Fail(at, wire.Unsupported, "%s is not supported. Leave it out.", at)
	}
}

func (d *decoder) toolUse(v wire.Value, at string) (c engine.Call) {
	d.object(v, at, fields{
		"type": ignored,
		"id":   func(v wire.Value, at string) { c.ID = d.callID(v, at) },
		"name": func(v wire.Value, at string) { c.Name = d.toolName(v, at) },
		"input": func(v wire.Value, at string) {
			if d.Want(v, at, wire.Object) {
				c.Arguments = string(v.Raw)
			}
		},
		"caller": d.caller,
	})
	for name, value := range map[string]string{"id": c.ID, "name": c.Name, "input": c.Arguments} {
		if value == "" && !has(v, name) {
			d.Fail(at, wire.Missing, "%s is not a whole tool_use: send id, name and input.", at)
		}
	}
	return c
}

// caller says that the model itself called a tool; code could too, elsewhere.
func (d *decoder) caller(v wire.Value, at string) {
	if d.kind(v, at) != "direct" {
		d.Fail(at+".type", wire.Unsupported, "%s.type is not supported: only direct is. Leave %s out.", at, at)
		return
	}
	d.object(v, at, fields{"type": ignored})
}

// toolResult reads what a tool gave back. The engine's tools give texts; their
// pictures are shown in the person's message that follows.
func (d *decoder) toolResult(v wire.Value, at string, t *turn) {
	inner := turn{role: engine.FromTool}
	var id string
	var failed bool
	d.object(v, at, fields{
		"type":        ignored,
		"tool_use_id": func(v wire.Value, at string) { id = d.callID(v, at) },
		"content":     func(v wire.Value, at string) { d.content(v, at, &inner) },
		"is_error":    d.truth(&failed),
	})
	if id == "" {
		d.Fail(at+".tool_use_id", wire.Missing, "%s.tool_use_id is missing: say which tool_use it answers.", at)
	}
	text := strings.Join(inner.texts, "\n")
	if failed {
		text = "Error: " + text
	}
	t.results = append(t.results, engine.Message{Role: engine.FromTool, CallID: id, Content: text})
	t.pictures = append(t.pictures, inner.pictures...)
}

var media = []string{"image/png", "image/jpeg", "image/gif", "image/webp"}

// image reads a picture that comes with the request. Pictures elsewhere are not
// fetched: Abaton asks no other server.
func (d *decoder) image(v wire.Value, at string, t *turn) {
	var raw []byte
	d.object(v, at, fields{"type": ignored, "source": func(v wire.Value, at string) {
		if kind := d.kind(v, at); kind != "base64" {
			d.Fail(at+".type", wire.Unsupported, "%s is not supported: Abaton fetches no pictures from an address and keeps no files. Send its bytes as a source of the type base64.", at)
			return
		}
		var name, data string
		d.object(v, at, fields{"type": ignored, "media_type": d.text(&name), "data": d.text(&data)})
		if !slices.Contains(media, name) {
			d.Fail(at+".media_type", wire.Invalid, "%s.media_type is missing or unknown: use %s.", at, strings.Join(media, ", "))
		}
		var err error
		if raw, err = base64.StdEncoding.Strict().DecodeString(data); err != nil || len(raw) == 0 {
			d.Fail(at+".data", wire.Invalid, "%s.data is empty or no base64; send the bytes of the picture in standard base64 with padding.", at)
		}
	}, "transformations": func(v wire.Value, at string) {
		if d.Want(v, at, wire.Object) && len(v.Fields) > 0 {
			d.Fail(at, wire.Unsupported, "%s is not supported. Leave it out.", at)
		}
	}})
	if len(raw) == 0 {
		d.Fail(at+".source", wire.Missing, "%s.source is missing: send the picture.", at)
		return
	}
	t.pictures = append(t.pictures, raw)
}
