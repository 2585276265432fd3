package engine

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Many templates know nothing of tools: the engine would leave them out without
// a word. For their models the tools are told in the system's turn, and the
// answer is held to a schema: it is calls, or a response. So every model can be
// asked, and one that never learned to call does it as well as it can. Where an
// answer that is no call has a schema of its own, it goes this way with every
// template: the engine holds an answer to calls or to a schema, not to either.

// maxGenericCalls bounds the calls of one such answer.
const maxGenericCalls = 16

// fit gives p as the worker's template can say it. Where the answer has to be
// read in another way, it gives how.
func (w *worker) fit(p Prompt) (Prompt, *generic, error) {
	if n := p.Options.RepeatLast; n != nil && *n < 0 {
		p.Options.RepeatLast = new(w.context)
	}
	must := p.Options.ToolChoice == MustCall
	if must { // then no answer is held to a schema
		p.Options.JSONSchema, p.Options.JSONObject = nil, false
	}
	formed := len(p.Options.Tools) > 0 && p.Options.ToolChoice == MayCall && (p.Options.JSONSchema != nil || p.Options.JSONObject)
	if p.Text != "" || w.tools && !formed || !p.usesTools() {
		return p, nil, nil
	}
	tools := p.Options.Tools
	if p.Options.ToolChoice == NoCall {
		tools = nil
	}
	only := p.Options.OnlyTool
	var told, items []string
	var parts []entry // what references name
	g := &generic{cut: len(p.Options.Stop) > 0, formed: formed}
	for i, t := range tools {
		if only != "" && t.Name != only {
			continue
		}
		item, named, err := genericCall(t, fmt.Sprintf("tool%d.", i))
		if err != nil {
			return Prompt{}, nil, err
		}
		parts = append(parts, named...)
		line, err := json.Marshal(genericTool{t.Name, t.Description, t.Parameters})
		if err != nil {
			return Prompt{}, nil, err
		}
		told, items, g.tools = append(told, string(line)), append(items, item), append(g.tools, t.Name)
	}
	p.Messages = plain(p.Messages)
	most := maxGenericCalls
	if p.Options.OneCall {
		most = 1
	}
	p.Options.Tools, p.Options.ToolChoice, p.Options.OnlyTool, p.Options.OneCall = nil, MayCall, "", false
	if len(items) == 0 {
		return p, nil, nil
	}
	calls := fmt.Sprintf(`"type":"object","properties":{"tool_calls":{"type":"array","items":{"anyOf":[%s]},"minItems":1,"maxItems":%d}},"required":["tool_calls"],"additionalProperties":false`,
		strings.Join(items, ","), most)
	how := "Answer with {\"tool_calls\":[{\"name\":…,\"arguments\":{…}}]} to call tools"
	if !must {
		answer := `{"type":"string"}`
		if formed {
			schema, named, err := formedAnswer(p.Options.JSONSchema)
			if err != nil {
				return Prompt{}, nil, err
			}
			answer, parts = schema, append(parts, named...)
		}
		calls = `"anyOf":[{` + calls + `},{"type":"object","properties":{"response":` + answer + `},"required":["response"],"additionalProperties":false}]`
		how += ", or with {\"response\":…} to say something"
	}
	if len(parts) > 0 {
		calls += `,"$defs":` + string(tree{object: true, members: parts}.bytes())
	}
	p.Options.JSONSchema, p.Options.JSONObject = []byte("{"+calls+"}"), false
	p.Messages = withSystem(p.Messages, "These tools can be called:\n"+strings.Join(told, "\n")+"\n"+how+".")
	return p, g, nil
}

// usesTools tells whether tools stand anywhere in p.
func (p Prompt) usesTools() bool {
	if len(p.Options.Tools) > 0 {
		return true
	}
	for _, m := range p.Messages {
		if m.Role == FromTool || len(m.Calls) > 0 {
			return true
		}
	}
	return false
}

type genericTool struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters,omitempty"`
}

// genericCall is the schema of a call of t, and the parts that its references
// name, which stand in the schema of the whole answer under names that begin with
// prefix.
func genericCall(t Tool, prefix string) (string, []entry, error) {
	parameters := `{"type":"object"}`
	var parts []entry
	if t.Parameters != nil {
		d, err := openJSON(t.Parameters)
		if err != nil {
			return "", nil, outOfRange("tools", "a schema is "+err.Error())
		}
		schema := d.plant()
		parts = schema.moved(prefix)
		parameters = string(schema.bytes())
	}
	return fmt.Sprintf(`{"type":"object","properties":{"name":{"const":%q},"arguments":%s},"required":["name","arguments"],"additionalProperties":false}`, t.Name, parameters), parts, nil
}

// formedAnswer is the schema of an answer, nil for any object, that is to stand
// inside another one, and the parts that its references name.
func formedAnswer(raw []byte) (string, []entry, error) {
	const prefix = "answer."
	if raw == nil {
		return `{"type":"object"}`, nil, nil
	}
	d, err := openJSON(raw)
	if err != nil {
		return "", nil, outOfRange("json_schema", "it is "+err.Error())
	}
	schema := d.plant()
	parts := schema.moved(prefix)
	return `{"$ref":"#/$defs/` + prefix + `"}`, append(parts, entry{prefix, schema}), nil
}

// moved takes the named parts out of a schema, and gives them with names that begin
// with prefix. What refers to them does so under these names, and what refers to
// the whole under the prefix alone.
func (t *tree) moved(prefix string) (parts []entry) {
	for _, key := range []string{"$defs", "definitions"} {
		named, _ := t.get(key)
		t.drop(key)
		for _, m := range named.members {
			m.value.lead(prefix)
			parts = append(parts, entry{prefix + key + "." + m.key, m.value})
		}
	}
	t.lead(prefix)
	return parts
}

// lead has the references of a schema lead to parts under such names.
func (t *tree) lead(prefix string) {
	ref := t.text("$ref")
	switch part := localReference.FindStringSubmatch(ref); {
	case part == nil:
	case part[2] == "":
		t.set("$ref", tree{value: "#/$defs/" + prefix})
	default:
		t.set("$ref", tree{value: "#/$defs/" + prefix + part[2] + "." + ref[len("#/")+len(part[2])+len("/"):]})
	}
	for s := range t.below() {
		s.lead(prefix)
	}
}

// plain says calls and what they gave as texts.
func plain(messages []Message) []Message {
	var list []Message
	names := map[string]string{}
	given := false // the last one is what tools gave
	for _, m := range messages {
		if m.Role == FromTool {
			said := "Result of " + names[m.CallID] + ": " + m.Content
			if names[m.CallID] == "" {
				said = "Result: " + m.Content
			}
			if given {
				list[len(list)-1].Content += "\n" + said
			} else {
				list = append(list, Message{Role: User, Content: said})
			}
			given = true
			continue
		}
		given = false
		if len(m.Calls) > 0 {
			var said []string
			for _, c := range m.Calls {
				names[c.ID] = c.Name
				said = append(said, fmt.Sprintf(`{"name":%q,"arguments":%s}`, c.Name, c.Arguments))
			}
			m.Content += `{"tool_calls":[` + strings.Join(said, ",") + `]}`
			m.Calls = nil
		}
		list = append(list, m)
	}
	return list
}

// withSystem adds text to what the system says.
func withSystem(messages []Message, text string) []Message {
	if messages[0].Role != System {
		return append([]Message{{Role: System, Content: text}}, messages...)
	}
	messages[0].Content = strings.TrimSpace(messages[0].Content + "\n\n" + text)
	return messages
}
