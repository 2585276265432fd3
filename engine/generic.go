package engine

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Many templates know nothing of tools: the engine would leave them out without
// a word. For their models the tools are told in the system's turn, and the
// answer is held to a schema: it is calls, or a response. So every model can be
// asked, and one that never learned to call does it as well as it can.

// maxGenericCalls bounds the calls of one such answer.
const maxGenericCalls = 16

// fit gives p as the worker's template can say it. Where the answer has to be
// read in another way, it gives how.
func (w *worker) fit(p Prompt) (Prompt, *generic, error) {
	if n := p.Options.RepeatLast; n != nil && *n < 0 {
		p.Options.RepeatLast = new(w.context)
	}
	if p.Text != "" || w.tools || !p.usesTools() {
		return p, nil, nil
	}
	tools, must := p.Options.Tools, p.Options.ToolChoice == MustCall
	if p.Options.ToolChoice == NoCall {
		tools = nil
	}
	only := p.Options.OnlyTool
	var told, items []string
	var parts []entry // what references name
	g := &generic{cut: len(p.Options.Stop) > 0}
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
		calls = `"anyOf":[{` + calls + `},{"type":"object","properties":{"response":{"type":"string"}},"required":["response"],"additionalProperties":false}]`
		how += ", or with {\"response\":…} to say something"
	}
	if len(parts) > 0 {
		calls += `,"$defs":` + string(tree{object: true, members: parts}.bytes())
	}
	p.Options.JSONSchema = []byte("{" + calls + "}")
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
		for _, key := range []string{"$defs", "definitions"} {
			named, _ := schema.get(key)
			schema.drop(key)
			for _, m := range named.members {
				m.value.lead(prefix)
				parts = append(parts, entry{prefix + key + "." + m.key, m.value})
			}
		}
		schema.lead(prefix)
		parameters = string(schema.bytes())
	}
	return fmt.Sprintf(`{"type":"object","properties":{"name":{"const":%q},"arguments":%s},"required":["name","arguments"],"additionalProperties":false}`, t.Name, parameters), parts, nil
}

// lead has the references of a loosened schema lead to parts under such names.
func (t *tree) lead(prefix string) {
	if part := localReference.FindStringSubmatch(t.text("$ref")); part != nil {
		name := t.text("$ref")[len("#/")+len(part[2])+len("/"):]
		t.set("$ref", tree{value: "#/$defs/" + prefix + part[2] + "." + name})
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
