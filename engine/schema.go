package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"unicode/utf8"
)

// Caps of a JSON schema. The engine turns a schema into a grammar, by code that
// recurses as deep as the schema nests, so depth and counts are bounded here.
const (
	maxSchema      = 64 << 10 // bytes
	maxSchemaDepth = 32
	maxSchemaNodes = 4096
	maxRepeat      = 1000 // of lengths and item counts; each unit can become a grammar rule
	maxNumber      = 1 << 53
)

// keyword gives the reader of a keyword's value, or nil. A keyword that is not
// in this list is refused by name: what the engine would make of it was not
// looked at. `pattern` is left out on purpose, sound or not, for the engine
// compiles it by recursive code of its own.
func keyword(name string) func(*schemaReader, int) error {
	switch name {
	case "type":
		return (*schemaReader).types
	case "enum", "const", "default", "examples", "required", "title", "description", "format", "$schema", "$id", "$comment",
		"deprecated", "readOnly", "writeOnly", "nullable", "strict", "uniqueItems":
		return (*schemaReader).value
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf":
		return (*schemaReader).number
	case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties":
		return (*schemaReader).count
	case "items", "prefixItems", "additionalProperties", "anyOf", "oneOf", "allOf":
		return (*schemaReader).schemas
	case "properties", "$defs", "definitions":
		return (*schemaReader).named
	case "$ref":
		return (*schemaReader).reference
	}
	return nil
}

// localReference is what $ref may say: the whole schema, or one named part of it. So
// it can never lead to a value that was not read as a schema.
var localReference = regexp.MustCompile(`^#(/(\$defs|definitions)/[A-Za-z0-9_.-]{1,128})?$`)

// checkSchema holds a JSON schema against the caps above.
func checkSchema(raw []byte) error {
	if len(raw) > maxSchema {
		return outOfRange("json_schema", "it may have at most 64 KiB")
	}
	if !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0 {
		return outOfRange("json_schema", "it must be UTF-8 without NUL")
	}
	r := &schemaReader{dec: json.NewDecoder(bytes.NewReader(raw))}
	r.dec.UseNumber()
	err := r.schema(1)
	if err == nil {
		if _, end := r.dec.Token(); end != io.EOF {
			err = &schemaError{"something stands after its end"}
		} else {
			err = weigh(raw)
		}
	}
	if err != nil {
		var bad *schemaError
		if !errors.As(err, &bad) {
			bad = &schemaError{"it is not JSON"} // a decoder's own words can quote it
		}
		return outOfRange("json_schema", bad.why)
	}
	return nil
}

// schemaReader walks a schema token by token. Its own recursion is bounded by
// maxSchemaDepth.
type schemaReader struct {
	dec   *json.Decoder
	nodes int
}

type schemaError struct{ why string }

func (e *schemaError) Error() string { return e.why }

func (r *schemaReader) token(depth int) (json.Token, error) {
	if depth > maxSchemaDepth {
		return nil, &schemaError{"it nests deeper than 32"}
	}
	if r.nodes++; r.nodes > maxSchemaNodes {
		return nil, &schemaError{"it has more than 4096 parts"}
	}
	return r.dec.Token()
}

// schema reads one schema: an object of keywords, or true or false.
func (r *schemaReader) schema(depth int) error {
	t, err := r.token(depth)
	if err != nil {
		return err
	}
	if _, ok := t.(bool); ok && depth > 1 {
		return nil
	}
	if t != json.Delim('{') {
		return &schemaError{"a schema must be an object"}
	}
	return r.keywords(depth)
}

// keywords reads the rest of a schema object.
func (r *schemaReader) keywords(depth int) error {
	return r.members(func(key string) error {
		read := keyword(key)
		if read == nil {
			if !slices.Contains(refusedKeywords, key) { // a person's own text stays out of errors
				return &schemaError{"it has a keyword that is not supported"}
			}
			return &schemaError{"the keyword " + key + " is not supported"}
		}
		return read(r, depth)
	})
}

// refusedKeywords are the standard's words that keyword leaves out.
var refusedKeywords = []string{"pattern", "patternProperties", "propertyNames", "not", "if", "then", "else", "contains", "minContains",
	"maxContains", "dependentSchemas", "dependentRequired", "dependencies", "unevaluatedItems", "unevaluatedProperties", "additionalItems",
	"contentEncoding", "contentMediaType", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary"}

// members reads the rest of an object, and calls value before each value.
func (r *schemaReader) members(value func(key string) error) error {
	seen := map[string]bool{}
	for r.dec.More() {
		t, err := r.dec.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		if seen[key] {
			return &schemaError{"it has the same key twice in one object"}
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	_, err := r.dec.Token()
	return err
}

// named reads an object from names to schemas.
func (r *schemaReader) named(depth int) error {
	t, err := r.token(depth + 1)
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return &schemaError{"properties and $defs must be objects"}
	}
	return r.members(func(string) error { return r.schema(depth + 2) })
}

// schemas reads one schema or an array of them.
func (r *schemaReader) schemas(depth int) error {
	t, err := r.token(depth + 1)
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('['):
		for r.dec.More() {
			if err := r.schema(depth + 2); err != nil {
				return err
			}
		}
		_, err := r.dec.Token()
		return err
	case json.Delim('{'):
		return r.keywords(depth + 1)
	}
	if _, ok := t.(bool); ok {
		return nil
	}
	return &schemaError{"items, anyOf and the like must hold schemas"}
}

// value reads any JSON value that the engine takes as it is.
func (r *schemaReader) value(depth int) error {
	t, err := r.token(depth + 1)
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		return r.members(func(string) error { return r.value(depth + 1) })
	case json.Delim('['):
		for r.dec.More() {
			if err := r.value(depth + 1); err != nil {
				return err
			}
		}
		_, err := r.dec.Token()
		return err
	}
	return nil
}

// types reads one type or a list of them. A list in a list would have the
// engine copy the schema once for each way through both.
func (r *schemaReader) types(depth int) error {
	const why = "a type must be a text or a list of at most 8 texts"
	t, err := r.token(depth + 1)
	if err != nil {
		return err
	}
	if t != json.Delim('[') {
		if _, ok := t.(string); !ok {
			return &schemaError{why}
		}
		return nil
	}
	for n := 1; r.dec.More(); n++ {
		t, err := r.token(depth + 2)
		if err != nil {
			return err
		}
		if _, ok := t.(string); !ok || n > 8 {
			return &schemaError{why}
		}
	}
	_, err = r.dec.Token()
	return err
}

func (r *schemaReader) number(depth int) error {
	return r.within(depth, -maxNumber, maxNumber, "a limit must be a number of at most 2^53")
}

func (r *schemaReader) count(depth int) error {
	return r.within(depth, 0, maxRepeat, "lengths and counts must be 0 to 1000")
}

func (r *schemaReader) within(depth int, lo, hi float64, why string) error {
	t, err := r.token(depth + 1)
	if err != nil {
		return err
	}
	n, ok := t.(json.Number)
	if !ok {
		return &schemaError{why}
	}
	if f, err := n.Float64(); err != nil || f < lo || f > hi {
		return &schemaError{why}
	}
	return nil
}

func (r *schemaReader) reference(depth int) error {
	t, err := r.token(depth + 1)
	if err != nil {
		return err
	}
	if s, ok := t.(string); !ok || !localReference.MatchString(s) {
		return &schemaError{"$ref must name a part under #/$defs or #/definitions"}
	}
	return nil
}
