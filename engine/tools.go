package engine

import (
	"fmt"
	"regexp"
)

var toolName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// checkTools holds the tools and what is said of them against the caps.
func (o Options) checkTools() error {
	if len(o.Tools) > maxTools {
		return outOfRange("tools", "there may be at most 128")
	}
	seen, size, rules := map[string]bool{}, 0, 0
	for i, t := range o.Tools {
		field := fmt.Sprintf("tools[%d]", i)
		if !toolName.MatchString(t.Name) || seen[t.Name] {
			return outOfRange(field+".name", "it must be 1 to 64 letters, digits, _ or -, and no other tool's")
		}
		if seen[t.Name] = true; !text(t.Description) {
			return outOfRange(field+".description", "it must be UTF-8 without NUL")
		}
		if err := t.checkParameters(field + ".parameters"); err != nil {
			return err
		}
		if size += len(t.Description) + len(t.Parameters); size > maxText {
			return outOfRange("tools", "together they may hold at most 8 MiB of text")
		}
		if rules += rulesOf(t.Parameters); rules > maxRules {
			return outOfRange("tools", "together their schemas ask for too many rules")
		}
	}
	switch o.ToolChoice {
	case MayCall, NoCall, MustCall:
	default:
		return outOfRange("tool_choice", "it must be auto, none, required or the name of a tool")
	}
	if o.ToolChoice == MustCall && len(o.Tools) == 0 {
		return outOfRange("tool_choice", "there is no tool to call")
	}
	if o.OnlyTool != "" && (o.ToolChoice != MustCall || !seen[o.OnlyTool]) {
		return outOfRange("tool_choice", "it names no tool of this request")
	}
	if len(o.Tools) > 0 && o.ToolChoice != NoCall && o.LogProbs > 0 {
		return outOfRange("logprobs", "they cannot be told of an answer that may call tools: the engine has none of a call. Leave one of them out, or forbid calls with tool_choice none")
	}
	return nil
}

// checkParameters holds the schema of a tool, as it was loosened, against the caps.
func (t Tool) checkParameters(field string) error {
	if t.Parameters == nil {
		return nil
	}
	if err := checkSchema(t.Parameters); err != nil {
		f := *err.(*Fault)
		f.Detail = field
		return &f
	}
	return nil
}

// checkCalls holds the calls that the assistant made against the caps.
func (m Message) checkCalls(field string) error {
	if len(m.Calls) == 0 {
		return nil
	}
	if m.Role != Assistant || len(m.Calls) > maxCalls {
		return outOfRange(field, "they must be the assistant's, and at most 128")
	}
	size := 0
	for i, c := range m.Calls {
		field := fmt.Sprintf("%s[%d]", field, i)
		if c.ID == "" || len(c.ID) > maxCallID || !text(c.ID) {
			return outOfRange(field+".id", "it must be 1 to 256 bytes of UTF-8 without NUL")
		}
		if !toolName.MatchString(c.Name) {
			return outOfRange(field+".name", "it must be 1 to 64 letters, digits, _ or -")
		}
		if size += len(c.Arguments); size > maxArguments || !text(c.Arguments) {
			return outOfRange(field+".arguments", "they must be UTF-8 without NUL, and of all calls at most 1 MiB")
		}
		if d, err := openJSON([]byte(c.Arguments)); err != nil || !d.isObject() {
			return outOfRange(field+".arguments", "they must be a JSON object")
		}
	}
	return nil
}
