package engine

import (
	"fmt"
	"strings"
	"testing"
)

// heavy are schemas of few bytes that ask the engine for much. Handed on, the
// first ended it by a segmentation fault and the next three held it until it was
// taken for hung.
func heavy() map[string]string {
	chain := func(key string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"a%d":{"%s":[{"$ref":"#/$defs/a%d"},{"$ref":"#/$defs/a%d"}]},`, i, key, i+1, i+1)
		}
		return fmt.Sprintf(`{"$ref":"#/$defs/a0","$defs":{%s"a%d":{"type":"object"}}}`, &b, n)
	}
	types, lengths := `{}`, make([]string, 1300)
	for range 26 {
		types = `{"type":["array","array"],"items":` + types + `}`
	}
	for i := range lengths {
		lengths[i] = fmt.Sprintf(`"%x":{"type":"string","maxLength":1000}`, i)
	}
	return map[string]string{
		"a reference to itself among all-of": `{"allOf":[{"$ref":"#/$defs/a"}],"$defs":{"a":{"$ref":"#/$defs/a"}}}`,
		"lists of types at every level":      types,
		"lengths":                            `{"type":"object","properties":{` + strings.Join(lengths, ",") + `}}`,
		"alternatives that double":           chain("anyOf", 28),
		"parts that double":                  chain("allOf", 28),
		"a circle of two":                    `{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"$ref":"#/definitions/b"},{"type":"null"}]}},"definitions":{"b":{"oneOf":[{"$ref":"#/$defs/a"}]}}}`,
		"a circle below":                     `{"type":"object","properties":{"x":{"allOf":[{"$ref":"#/$defs/a"}]}},"$defs":{"a":{"$ref":"#/$defs/a"}}}`,
		"a circle through the whole":         `{"anyOf":[{"$ref":"#"}]}`,
		"a list of types in a list":          `{"type":[["object"],["object"]]}`,
		"many types":                         `{"type":[` + strings.Repeat(`"null",`, 8) + `"null"]}`,
		"a type that is a number":            `{"type":1}`,
	}
}

func TestHeavySchemas(t *testing.T) {
	for name, schema := range heavy() {
		err := checkSchema([]byte(schema))
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		if f := faultOf(t, err, BadRequest); f.Detail != "json_schema" {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// What people do send is taken, recursion through objects and lists included,
// and the engine follows it.
func TestSchemasThatLeadBack(t *testing.T) {
	e := start(t, nil)
	for name, schema := range map[string]string{
		"a tree":           `{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"left":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]},"name":{"type":"string","maxLength":9}}}}}`,
		"a list of itself": `{"$ref":"#/$defs/l","$defs":{"l":{"type":"array","items":{"$ref":"#/$defs/l"}}}}`,
		"or nothing":       `{"type":"object","properties":{"a":{"type":["string","null"]},"b":{"type":["array","null"],"items":{"type":["integer","null"]}}}}`,
		"one part, often":  `{"type":"object","properties":{"a":{"$ref":"#/$defs/p"},"b":{"$ref":"#/$defs/p"},"c":{"allOf":[{"$ref":"#/$defs/p"}]}},"$defs":{"p":{"type":"object","properties":{"x":{"type":"integer"}}}}}`,
		"long texts":       `{"type":"object","properties":{"a":{"type":"string","maxLength":1000},"b":{"type":"array","minItems":1,"maxItems":100,"items":{"type":"string","maxLength":1000}}}}`,
	} {
		if err := checkSchema([]byte(schema)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p := ask("Answer in JSON.", 3)
		p.Options.JSONSchema = []byte(schema)
		if _, last, err := collect(t.Context(), e, p); err != nil || last.Usage.AnswerTokens == 0 {
			t.Errorf("%s: %+v %v", name, last, err)
		}
	}
}
