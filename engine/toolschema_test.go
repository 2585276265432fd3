package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"abaton.local/internal/ggufgen"
	"abaton.local/internal/transcript"
)

// checkedErr is what checked says of a prompt.
func checkedErr(p Prompt) error {
	_, err := p.checked()
	return err
}

// looser is what becomes of schemas that tools have.
var looser = map[string][2]string{
	"words for people":           {`{"$schema":"http://json-schema.org/draft-07/schema#","$id":"x","$comment":"y","title":"T","type":"object","properties":{}}`, `{"title":"T","type":"object","properties":{}}`},
	"unknown words":              {`{"type":"object","x-order":1,"propertyNames":{"pattern":"a"},"properties":{"a":{"type":"string","pattern":"^a$","format":"uri","contentEncoding":"base64"}}}`, `{"type":"object","properties":{"a":{"type":"string","format":"uri"}}}`},
	"no type":                    {`{"properties":{"a":true}}`, `{"type":"object","properties":{"a":{}}}`},
	"nothing":                    {`{}`, `{"type":"object"}`},
	"a list of types":            {`{"type":["object","null"],"properties":{"a":{"type":["string","any","string"]},"b":{"type":"any"},"c":{"type":[]}}}`, `{"type":"object","properties":{"a":{"type":["string"]},"b":{},"c":{}}}`},
	"counts":                     {`{"type":"object","properties":{"a":{"type":"string","minLength":1,"maxLength":1001},"b":{"type":"array","minItems":1.0,"maxItems":1000},"c":{"minLength":3,"maxLength":2}}}`, `{"type":"object","properties":{"a":{"type":"string","minLength":1},"b":{"type":"array","maxItems":1000},"c":{}}}`},
	"limits":                     {`{"type":"object","properties":{"a":{"type":"integer","minimum":1,"exclusiveMinimum":true,"maximum":1e300},"b":{"type":"integer","minimum":2,"maximum":1},"c":{"exclusiveMinimum":1,"exclusiveMaximum":2}}}`, `{"type":"object","properties":{"a":{"type":"integer","minimum":1},"b":{"type":"integer"},"c":{}}}`},
	"values":                     {`{"type":"object","properties":{"a":{"enum":[]},"b":{"enum":7},"c":{"enum":["x",null]},"d":{"const":{"pattern":1}}},"required":true}`, `{"type":"object","properties":{"a":{},"b":{},"c":{"enum":["x",null]},"d":{"const":{"pattern":1}}}}`},
	"truths":                     {`{"type":"object","properties":{"a":false,"b":true,"c":{"type":"array","items":true},"d":{"prefixItems":[true,{"type":"null"}],"items":false}}}`, `{"type":"object","properties":{"b":{},"c":{"type":"array"},"d":{"prefixItems":[{},{"type":"null"}]}}}`},
	"patterns of names":          {`{"type":"object","patternProperties":{"^a":{"type":"string","pattern":"a"}},"additionalProperties":false}`, `{"type":"object","additionalProperties":{"type":"string"}}`},
	"two patterns":               {`{"type":"object","patternProperties":{"^a":{},"^b":{}},"additionalProperties":false}`, `{"type":"object","additionalProperties":true}`},
	"a pattern and more":         {`{"type":"object","properties":{"a":{}},"patternProperties":{"^a":{"type":"null"}},"additionalProperties":false}`, `{"type":"object","properties":{"a":{}},"additionalProperties":true}`},
	"one of two needed":          {`{"type":"object","properties":{"a":{},"b":{}},"anyOf":[{"required":["a"]},{"required":["b"]}]}`, `{"type":"object","properties":{"a":{},"b":{}}}`},
	"more in each way":           {`{"type":"object","properties":{"a":{}},"oneOf":[{"properties":{"b":{}}},{"required":["a"]}]}`, `{"type":"object","properties":{"a":{}},"additionalProperties":true}`},
	"if and then":                {`{"type":"object","properties":{"a":{}},"if":{"properties":{"a":{"const":1}}},"then":{"required":["b"]},"additionalProperties":false}`, `{"type":"object","properties":{"a":{}},"additionalProperties":true}`},
	"ways":                       {`{"anyOf":[{"type":"object","properties":{"a":{}}},{"type":"object"}]}`, `{"type":"object","anyOf":[{"type":"object","properties":{"a":{}}},{"type":"object"}]}`},
	"ways that inherit":          {`{"type":"object","properties":{"a":{"type":"string","anyOf":[{"pattern":"a"},{"enum":["b"]}]}}}`, `{"type":"object","properties":{"a":{"type":"string","anyOf":[{"type":"string"},{"enum":["b"]}]}}}`},
	"a way to no object":         {`{"type":"object","anyOf":[{"type":"object"},{"type":"string"}]}`, `{"type":"object"}`},
	"all of conditions":          {`{"type":"object","properties":{"a":{"type":"object","allOf":[{"if":{},"then":{}}]}}}`, `{"type":"object","properties":{"a":{"type":"object"}}}`},
	"references":                 {`{"type":"object","properties":{"a":{"$ref":"#/$defs/A"},"b":{"$ref":"#/properties/a"},"c":{"$ref":"http://example.org/x"},"d":{"$ref":"#/$defs/none"},"e":{"$ref":"#"}},"$defs":{"A":{"type":"object","$defs":{"B":{}},"properties":{"next":{"$ref":"#/$defs/A"}}}}}`, `{"type":"object","properties":{"a":{"$ref":"#/$defs/A"},"b":{},"c":{},"d":{},"e":{}},"$defs":{"A":{"type":"object","properties":{"next":{"$ref":"#/$defs/A"}}}}}`},
	"a named whole":              {`{"$ref":"#/definitions/A","definitions":{"A":{"type":"object","properties":{"a":{"type":"null"}}}}}`, `{"definitions":{"A":{"type":"object","properties":{"a":{"type":"null"}}}},"type":"object","properties":{"a":{"type":"null"}}}`},
	"values of a whole":          {`{"type":"object","enum":[1],"const":2}`, `{"type":"object"}`},
	"a default that is a schema": {`{"type":"object","properties":{"pattern":{"default":{"pattern":"a"}}}}`, `{"type":"object","properties":{"pattern":{"default":{"pattern":"a"}}}}`},
	"odd shapes":                 {`{"type":"object","properties":[1],"anyOf":{},"items":1,"allOf":[],"$defs":[],"title":1,"format":{},"additionalProperties":1}`, `{"type":"object"}`},
}

func TestToolSchemasAreLoosened(t *testing.T) {
	for name, c := range looser {
		got, err := toolSchema([]byte(c[0]))
		if err != nil || string(got.bytes()) != c[1] {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got.bytes(), c[1])
			continue
		}
		if err := checkSchema(got.bytes()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{``, `[]`, `true`, `{`, `{} {}`, `{"type":"string"}`, `{"type":{}}`, `{"a":1,"a":2}`, "{\"title\":\"\x00\"}", `{"type":["string"]}`,
		`{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, `{"x":[` + strings.Repeat("1,", 5000) + `1]}`, `{"x":"` + strings.Repeat("a", maxSchema) + `"}`,
	} {
		if _, err := toolSchema([]byte(bad)); err == nil {
			t.Errorf("taken: %.60s", bad)
		}
	}
}

// What asks for too much together is taken without its counts; what still does is
// refused.
func TestToolsTogether(t *testing.T) {
	p := Prompt{Person: "anna", Model: [32]byte{1}, Messages: []Message{{Role: User, Content: "x"}}}
	for i := range 128 {
		p.Options.Tools = append(p.Options.Tools, Tool{Name: fmt.Sprint(i), Parameters: []byte(`{"type":"object","properties":{"maxLength":{"type":"string","maxLength":1000},"b":{"anyOf":[{"type":"array","maxItems":1000}]}}}`)})
	}
	q, err := p.checked()
	if want := `{"type":"object","properties":{"maxLength":{"type":"string"},"b":{"anyOf":[{"type":"array"}]}}}`; err != nil || string(q.Options.Tools[127].Parameters) != want {
		t.Errorf("%v %s", err, q.Options.Tools[127].Parameters)
	}
	if string(p.Options.Tools[0].Parameters) == string(q.Options.Tools[0].Parameters) {
		t.Error("the caller's tools were changed")
	}
	many := []byte(`{"type":"object","properties":{"a":{"enum":[` + strings.Repeat("1,", 1100) + `1]}}}`)
	for i := range p.Options.Tools {
		p.Options.Tools[i].Parameters = many
	}
	if f := faultOf(t, checkedErr(p), BadRequest); f.Detail != "tools" {
		t.Errorf("%+v", f)
	}
}

// Schemas that are heavy for an answer are loosened or refused as those of a tool,
// and what is left the engine lives through.
func TestHeavySchemasOfTools(t *testing.T) {
	e, ask := startTiny(t, wide(withToolTemplate), func(c *Config) { c.ContextTokens = 16384 })
	for name, schema := range heavy() {
		if name == "lengths" {
			continue // loosened it is a long prompt, and nothing else
		}
		p := ask("bado", 3)
		p.Options.Tools = []Tool{{Name: "a", Parameters: []byte(`{"type":"object","properties":{"a":` + schema + `}}`)}}
		if _, _, err := collect(t.Context(), e, p); err != nil {
			if f := faultOf(t, err, BadRequest); f.Detail == "" {
				t.Errorf("%s: %v", name, f)
			}
		}
	}
}

// wide gives a tiny model, as edit leaves it, room for many tools.
func wide(edit func(*ggufgen.File)) func(*ggufgen.File) {
	return func(f *ggufgen.File) {
		f.Set("llama.context_length", uint32(16384))
		edit(f)
	}
}

// assistantTools are those of a request as a coding assistant sends it.
func assistantTools(t *testing.T) (tools []Tool) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(sourceDir, "..", "api", "anthropic", "testdata", "assistant.json"))
	if err != nil {
		t.Fatal(err)
	}
	var request struct {
		Tools []struct {
			Name, Description string
			Schema            json.RawMessage `json:"input_schema"`
		}
	}
	if err := json.Unmarshal(b, &request); err != nil || len(request.Tools) != 24 {
		t.Fatal(err, len(request.Tools))
	}
	for _, tool := range request.Tools {
		tools = append(tools, Tool{Name: tool.Name, Description: tool.Description, Parameters: tool.Schema})
	}
	return tools
}

// All 24 tools of an assistant can be called, each, by a model whose template
// knows tools and by one whose template does not.
func TestAssistantsTools(t *testing.T) {
	for name, make := range map[string]func() (*Engine, func(string, int) Prompt){
		"its template knows tools": func() (*Engine, func(string, int) Prompt) {
			return startTiny(t, wide(withToolTemplate), func(c *Config) { c.ContextTokens = 16384 })
		},
		"its template does not": func() (*Engine, func(string, int) Prompt) {
			return startTiny(t, wide(func(f *ggufgen.File) { f.Set("tokenizer.ggml.add_space_prefix", false) }), func(c *Config) { c.ContextTokens = 16384 })
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, ask := make()
			tools := assistantTools(t)
			p := ask("List the files.", 4)
			p.Options.Tools, p.Options.OneCall = tools, true
			if s, err := hear(t, t.Context(), e, p); err != nil || s.last.Usage.AnswerTokens == 0 {
				t.Fatalf("%+v %v", s, err)
			}
			p.Options.ToolChoice = MustCall
			for _, tool := range tools {
				p.Options.Tools, p.Options.OnlyTool, p.Options.MaxTokens = []Tool{tool}, tool.Name, 4
				s, err := hear(t, t.Context(), e, p)
				if err != nil || s.last.Usage.AnswerTokens == 0 {
					t.Errorf("%s: %+v %v", tool.Name, s, err)
				}
			}
		})
	}
}

func FuzzToolSchema(f *testing.F) {
	for _, s := range append(goodSchemas, badSchemas...) {
		f.Add([]byte(s))
	}
	for _, c := range looser {
		f.Add([]byte(c[0]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		once, err := toolSchema(b)
		if err != nil {
			return
		}
		again, err := toolSchema(once.bytes())
		if err != nil || string(again.bytes()) != string(once.bytes()) {
			t.Errorf("%s becomes %s and then %s: %v", b, once.bytes(), again.bytes(), err)
		}
		if once.text("type") != "object" {
			t.Errorf("%s is no object any more", b)
		}
		// Nothing but weight is left for the strict reader to refuse.
		if err := checkSchema(once.bytes()); err != nil && !weighty(err) {
			t.Errorf("%s becomes %s: %v", b, once.bytes(), err)
		}
	})
}

// weighty tells what no loosening takes away.
func weighty(err error) bool {
	for _, why := range []string{"rules", "4096", "nests deeper", "$ref leads back", "64 KiB"} {
		if strings.Contains(err.Error(), why) {
			return true
		}
	}
	return false
}

// TestToolsDocumentation keeps the list of words in docs/tools.md as the table is.
func TestToolsDocumentation(t *testing.T) {
	var b strings.Builder
	b.WriteString("\n| word | what becomes of it |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(ToolKeywords)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, ToolKeywords[name])
	}
	transcript.Page(t, filepath.Join(sourceDir, "..", "docs", "tools.md"), "<!-- made by go test -update ./engine -->\n", b.String())
	for name := range ToolKeywords { // what the table says, the code does
		_, kept := (loosener{}).keyword(name, tree{object: true}, true)
		if left := strings.HasPrefix(ToolKeywords[name], "left out"); left && kept {
			t.Errorf("%s: kept", name)
		}
	}
}
