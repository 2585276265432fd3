package engine

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestOutOfRange(t *testing.T) {
	for field, spoil := range map[string]func(*Prompt){
		"person":               func(p *Prompt) { p.Person = "" },
		"model":                func(p *Prompt) { p.Model = [32]byte{} },
		"messages":             func(p *Prompt) { p.Messages = nil },
		"messages[0].role":     func(p *Prompt) { p.Messages[0].Role = "developer" },
		"messages[0].content":  func(p *Prompt) { p.Messages[0].Content = "a\x00b" },
		"messages[1].content":  func(p *Prompt) { p.Messages = append(p.Messages, Message{Role: User, Content: "\xff"}) },
		"max_tokens":           func(p *Prompt) { p.Options.MaxTokens = -1 },
		"temperature":          func(p *Prompt) { p.Options.Temperature = new(math.NaN()) },
		"top_p":                func(p *Prompt) { p.Options.TopP = new(1.01) },
		"min_p":                func(p *Prompt) { p.Options.MinP = new(-0.1) },
		"top_k":                func(p *Prompt) { p.Options.TopK = new(1001) },
		"frequency_penalty":    func(p *Prompt) { p.Options.FrequencyPenalty = new(math.Inf(1)) },
		"presence_penalty":     func(p *Prompt) { p.Options.PresencePenalty = new(-2.5) },
		"seed":                 func(p *Prompt) { p.Options.Seed = new(int64(1) << 32) },
		"stop":                 func(p *Prompt) { p.Options.Stop = make([]string, 17) },
		"stop[0]":              func(p *Prompt) { p.Options.Stop = []string{""} },
		"stop[1]":              func(p *Prompt) { p.Options.Stop = []string{"a", strings.Repeat("a", 257)} },
		"json_schema":          func(p *Prompt) { p.Options.JSONSchema = []byte("{") },
		"typical_p":            func(p *Prompt) { p.Options.TypicalP = new(1.5) },
		"repeat_penalty":       func(p *Prompt) { p.Options.RepeatPenalty = new(0.0) },
		"repeat_last_n":        func(p *Prompt) { p.Options.RepeatLast = new(-2) },
		"top_logprobs":         func(p *Prompt) { p.Options.LogProbs = 22 },
		"tools":                func(p *Prompt) { p.Options.Tools = slices.Repeat([]Tool{{Name: "a"}}, 129) },
		"tools[0].name":        func(p *Prompt) { p.Options.Tools = []Tool{{Name: "a b"}} },
		"tools[1].name":        func(p *Prompt) { p.Options.Tools = []Tool{{Name: "a"}, {Name: "a"}} },
		"tools[0].description": func(p *Prompt) { p.Options.Tools = []Tool{{Name: "a", Description: "\x00"}} },
		"tools[0].parameters": func(p *Prompt) {
			p.Options.Tools = []Tool{{Name: "a", Parameters: []byte(`{"type":"object","type":"object"}`)}}
		},
		"tools[1].parameters": func(p *Prompt) {
			p.Options.Tools = []Tool{{Name: "a"}, {Name: "b", Parameters: []byte(`{"type":"string"}`)}}
		},
		"tools[2].parameters": func(p *Prompt) {
			p.Options.Tools = []Tool{{Name: "a"}, {Name: "b"}, {Name: "c", Parameters: []byte(`{"type":["string","null"]}`)}}
		},
		"tool_choice":                         func(p *Prompt) { p.Options.ToolChoice = MustCall },
		"logprobs":                            func(p *Prompt) { p.Options.Tools, p.Options.LogProbs = []Tool{{Name: "a"}}, 1 },
		"prompt":                              func(p *Prompt) { p.Text = "a" },
		"think":                               func(p *Prompt) { p.Messages, p.Text, p.Options.Think = nil, "a", new(true) },
		"messages[0].images":                  func(p *Prompt) { p.Messages[0].Images = make([]Image, maxPictures+1) },
		"messages[0].reasoning":               func(p *Prompt) { p.Messages[0].Reasoning = "a" },
		"messages[0].tool_call_id":            func(p *Prompt) { p.Messages[0].CallID = "a" },
		"messages[0].tool_calls":              func(p *Prompt) { p.Messages[0].Calls = []Call{{ID: "a", Name: "b", Arguments: "{}"}} },
		"messages[1].tool_calls[0].id":        func(p *Prompt) { p.Messages = called(Call{Name: "b", Arguments: "{}"}) },
		"messages[1].tool_calls[0].name":      func(p *Prompt) { p.Messages = called(Call{ID: "a", Name: "", Arguments: "{}"}) },
		"messages[1].tool_calls[0].arguments": func(p *Prompt) { p.Messages = called(Call{ID: "a", Name: "b", Arguments: "[]"}) },
	} {
		p := Prompt{Person: "anna", Model: [32]byte{1}, Messages: []Message{{Role: User, Content: "x"}}}
		if err := checkedErr(p); err != nil {
			t.Fatal(err)
		}
		spoil(&p)
		if f := faultOf(t, checkedErr(p), BadRequest); f.Detail != field {
			t.Errorf("%s: %s", field, f.Detail)
		}
	}
	for name, messages := range map[string][]Message{
		"too many":  slices.Repeat([]Message{{Role: User, Content: ""}}, maxMessages+1),
		"too long":  {{Role: User, Content: strings.Repeat("a", maxText)}, {Role: Assistant, Content: "a"}},
		"call last": called(Call{ID: "a", Name: "b", Arguments: "{}"})[:2],
		"arguments": called(Call{ID: "a", Name: "b", Arguments: `{"a":"` + strings.Repeat("a", maxArguments) + `"}`}),
		"deep":      called(Call{ID: "a", Name: "b", Arguments: strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65)}),
		"two last":  {{Role: User, Content: "a"}, {Role: Assistant, Content: "a"}, {Role: Assistant, Content: "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			faultOf(t, checkedErr(Prompt{Person: "a", Model: [32]byte{1}, Messages: messages}), BadRequest)
		})
	}
}

// called is a conversation in which the assistant called a tool.
func called(c Call) []Message {
	return []Message{{Role: User, Content: "a"}, {Role: Assistant, Calls: []Call{c}}, {Role: FromTool, CallID: c.ID, Content: "b"}}
}

// What belongs together is checked together.
func TestToolsThatFit(t *testing.T) {
	good := Prompt{Person: "anna", Model: [32]byte{1}, Messages: called(Call{ID: "a", Name: "b", Arguments: "{}"})}
	tools := []Tool{{Name: "a"}, {Name: "b", Parameters: []byte(`{"properties":{},"type":"object"}`)}}
	for _, o := range []Options{
		{}, {Tools: tools}, {Tools: tools, ToolChoice: MustCall}, {Tools: tools, ToolChoice: MustCall, OnlyTool: "b"}, {Tools: tools, ToolChoice: NoCall, JSONObject: true, LogProbs: 21},
		{ToolChoice: NoCall}, {OneCall: true}, {Tools: tools, JSONSchema: []byte(`{}`)}, {Tools: tools, JSONObject: true, ToolChoice: MustCall},
	} {
		good.Options = o
		if err := checkedErr(good); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for name, o := range map[string]Options{
		"another name": {Tools: tools, ToolChoice: MustCall, OnlyTool: "c"}, "a name without must": {Tools: tools, OnlyTool: "a"}, "another choice": {Tools: tools, ToolChoice: "any"},
		"a schema that is none": {Tools: tools, JSONSchema: []byte(`{"pattern":"a"}`)},
	} {
		good.Options = o
		t.Run(name, func(t *testing.T) { faultOf(t, checkedErr(good), BadRequest) })
	}
}

// nested is a schema that many levels deep.
func nested(levels int) string {
	return strings.Repeat(`{"properties":{"a":`, levels) + `true` + strings.Repeat(`}}`, levels)
}

var goodSchemas = []string{
	`{}`, `{"type":"object"}`, `{"type":["string","null"]}`, `{"enum":[1,"a",null,{"b":[]}]}`, `{"const":{"pattern":"x"}}`,
	`{"type":"object","properties":{"pattern":{"type":"string"},"$ref":{"type":"integer","minimum":-5,"maximum":9007199254740992}},"required":["pattern"],"additionalProperties":false}`,
	`{"$defs":{"node":{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["next"]}},"$ref":"#/$defs/node"}`,
	`{"type":"array","items":{"type":"string","maxLength":1000},"maxItems":10,"minItems":1}`, `{"type":"array","prefixItems":[{"type":"number"},true]}`,
	`{"type":"string","format":"date-time"}`, `{"oneOf":[{"type":"boolean"},{"type":"string","minLength":2}]}`, `{"allOf":[{"type":"object"}],"description":"x","title":"y"}`,
}

var badSchemas = []string{
	``, ` `, `[]`, `true`, `null`, `"x"`, `{`, `{}}`, `{} {}`, `{"type":"string","type":"string"}`, `{"pattern":"a"}`,
	`{"properties":{"a":{"pattern":"(a+)+"}}}`, `{"items":{"pattern":"a"}}`, `{"anyOf":[{"pattern":"a"}]}`, `{"$defs":{"x":{"pattern":"a"}}}`,
	`{"patternProperties":{"a":true}}`, `{"nosuch":1}`, `{"$ref":"http://example.org/x"}`, `{"$ref":"#/properties/a"}`, `{"$ref":"#/$defs/a/default"}`, `{"$ref":1}`,
	`{"maxLength":1001}`, `{"maxItems":1e9}`, `{"minItems":-1}`, `{"maxLength":"1"}`, `{"minimum":1e300}`, `{"maximum":1e999}`, `{"minimum":[1]}`,
	`{"properties":[]}`, `{"properties":{"a":1}}`, `{"items":1}`, `{"anyOf":[1]}`, `{"anyOf":{"a":1}}`, "{\"title\":\"\xff\"}", "{\"title\":\"\x00\"}",
	nested(16), `{"const":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, `{"enum":[` + strings.Repeat("1,", 5000) + `1]}`,
	`{"title":"` + strings.Repeat("a", maxSchema) + `"}`,
}

func TestSchemas(t *testing.T) {
	for _, s := range append(goodSchemas, nested(15)) {
		if err := checkSchema([]byte(s)); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range badSchemas {
		if checkSchema([]byte(s)) == nil {
			t.Errorf("accepted: %.80s", s)
		}
	}
}

// What the check lets through, the real engine can use: it answers or refuses,
// and lives.
func TestEngineTakesWhatWePass(t *testing.T) {
	e, ask := startTiny(t, nil, nil)
	var wide strings.Builder
	wide.WriteString(`{"type":"object","properties":{`)
	for i := range 100 {
		wide.WriteString(fmt.Sprintf(`"p%d":{"type":"string","maxLength":1000},`, i))
	}
	deepest := nested(15)
	for _, s := range append(goodSchemas, deepest, wide.String()+`"z":true}}`,
		`{"$ref":"#/$defs/none"}`,
		`{"type":"array","minItems":1000,"items":{"type":"array","minItems":1000,"items":{"type":"array","minItems":1000}}}`,
		`{"enum":[]}`, `{"type":"nosuch"}`, `{"required":7}`, `{"anyOf":[]}`, `{"minimum":5,"maximum":1,"type":"integer"}`,
	) {
		p := ask("bado", 3)
		p.Options.JSONSchema = []byte(s)
		if err := checkSchema([]byte(s)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := collect(t.Context(), e, p); err != nil {
			if f := faultOf(t, err, BadRequest); f.Detail == "" {
				t.Errorf("%.80s: %v", s, f)
			}
		}
	}
}

func FuzzSchema(f *testing.F) {
	for _, s := range append(goodSchemas, badSchemas...) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if checkSchema(b) != nil {
			return
		}
		if len(b) > maxSchema || strings.Count(string(b), "{") > maxSchemaNodes {
			t.Errorf("accepted %q", b)
		}
	})
}
