package engine

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Programs send the schemas of their tools with whatever words their languages'
// generators know, and the program itself looks at the arguments before it runs
// anything. So what the engine cannot hold a model to is left out of them, which
// allows more and never less; the schema of an answer promises what it says, and
// there the same words are refused. What is left is held against the same caps.

// ToolKeywords is what becomes of each word of a tool's schema; of those that are
// not here nothing is kept.
var ToolKeywords = map[string]string{
	"type": "kept, where it is a type or a list of some; the schema of a tool itself has the type object",
	"enum": "kept, where it is a list", "const": "kept",
	"properties": "kept", "required": "kept, where it is a list", "items": "kept; beside prefixItems left out", "prefixItems": "kept",
	"additionalProperties": "kept; allowed where what says more of properties was left out",
	"anyOf":                "kept; left out beside properties", "oneOf": "kept; left out beside properties", "allOf": "kept; left out beside properties",
	"$ref": "kept, where it names a part of this schema under #/$defs or #/definitions; any value otherwise", "$defs": "kept", "definitions": "kept",
	"minimum": "kept up to 2^53", "maximum": "kept up to 2^53", "exclusiveMinimum": "kept up to 2^53", "exclusiveMaximum": "kept up to 2^53", "multipleOf": "shown to the model",
	"minLength": "kept up to 1000, unless all tools together ask for too much", "maxLength": "kept up to 1000, unless all tools together ask for too much",
	"minItems": "kept up to 1000, unless all tools together ask for too much", "maxItems": "kept up to 1000, unless all tools together ask for too much",
	"format": "kept for date, time, date-time and uuid; others are shown to the model",
	"title":  "shown to the model", "description": "shown to the model", "default": "shown to the model", "examples": "shown to the model",
	"deprecated": "shown to the model", "nullable": "shown to the model", "uniqueItems": "shown to the model",
	"patternProperties": "left out; where it is the only word about properties, its schema is that of all", "pattern": "left out, sound or not: the engine would compile it by recursive code",
}

// shownWords are those that the engine reads as they are, and does nothing with.
var shownWords = []string{"default", "examples", "deprecated", "nullable", "uniqueItems"}

var countWords = []string{"minLength", "maxLength", "minItems", "maxItems"}

// loosened gives the tools with schemas that the engine can follow.
func loosened(tools []Tool) ([]Tool, error) {
	tools = slices.Clone(tools)
	rules := 0
	for i, t := range tools {
		if t.Parameters == nil {
			continue
		}
		schema, err := toolSchema(t.Parameters)
		if err != nil {
			return nil, outOfRange("tools["+strconv.Itoa(i)+"].parameters", err.Error())
		}
		tools[i].Parameters = schema.bytes()
		rules += rulesOf(tools[i].Parameters)
	}
	if rules <= maxRules {
		return tools, nil
	}
	for i, t := range tools {
		if t.Parameters == nil {
			continue
		}
		schema, err := toolSchema(t.Parameters)
		if err != nil {
			return nil, err // never: it was just read
		}
		schema.uncounted()
		tools[i].Parameters = schema.bytes()
	}
	return tools, nil
}

// uncounted takes the counts out of a loosened schema: each makes a rule for each
// unit.
func (t *tree) uncounted() {
	t.drop(countWords...)
	for s := range t.below() {
		s.uncounted()
	}
}

// below gives the schemas right below a loosened one.
func (t *tree) below() iter.Seq[*tree] {
	return func(yield func(*tree) bool) {
		for i := range t.members {
			m := &t.members[i]
			switch m.key {
			case "properties", "$defs", "definitions":
				for j := range m.value.members {
					if !yield(&m.value.members[j].value) {
						return
					}
				}
			case "items", "additionalProperties", "prefixItems", "anyOf", "oneOf", "allOf":
				if m.value.object && !yield(&m.value) {
					return
				}
				for j := range m.value.items {
					if !yield(&m.value.items[j]) {
						return
					}
				}
			}
		}
	}
}

// toolSchema reads the schema of a tool's parameters and leaves out what the
// engine cannot follow. Its errors are *schemaErrors.
func toolSchema(raw []byte) (tree, error) {
	if len(raw) > maxSchema {
		return tree{}, &schemaError{"it may have at most 64 KiB"}
	}
	if !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0 {
		return tree{}, &schemaError{"it must be UTF-8 without NUL"}
	}
	r := &schemaReader{dec: json.NewDecoder(bytes.NewReader(raw))}
	r.dec.UseNumber()
	if err := r.value(0); err != nil {
		if bad, ok := err.(*schemaError); ok {
			return tree{}, bad
		}
		return tree{}, &schemaError{"it is not JSON"}
	}
	d, err := openJSON(raw)
	if err != nil {
		return tree{}, &schemaError{"it is not JSON"}
	}
	root := d.plant()
	if !root.object {
		return tree{}, &schemaError{"a schema must be an object"}
	}
	l := loosener{root: root}
	if err := l.lead(&root); err != nil {
		return tree{}, err
	}
	l.root = root
	root = l.schema(root, true)
	l.root = root
	l.object(&root)
	return root, nil
}

type loosener struct{ root tree }

// lead makes the root say that it is an object: what is given to a tool is one.
func (l loosener) lead(root *tree) error {
	if ref := root.text("$ref"); ref != "" {
		target, ok := l.named(ref)
		root.drop("$ref")
		for _, m := range target.members {
			if ok && m.key != "$ref" && !root.has(m.key) {
				root.members = append(root.members, m)
			}
		}
	}
	t, given := root.get("type")
	isObject := func(t tree) bool { return t.value == "object" }
	if given && t.value != nil && !isObject(t) || t.object || t.list && !slices.ContainsFunc(t.items, isObject) {
		return &schemaError{`its type must be "object"`}
	}
	root.drop("enum", "const")
	if root.set("type", tree{value: "object"}); !given {
		last := len(root.members) - 1
		root.members = append([]entry{root.members[last]}, root.members[:last]...)
	}
	return nil
}

// object leaves alternatives out of the root that are no objects: the engine looks
// at nothing beside them.
func (l loosener) object(root *tree) {
	for _, key := range []string{"anyOf", "oneOf", "allOf"} {
		v, _ := root.get(key)
		if slices.ContainsFunc(v.items, func(s tree) bool {
			if ref := s.text("$ref"); ref != "" {
				s, _ = l.named(ref)
			}
			return s.text("type") != "object"
		}) {
			root.drop(key)
		}
	}
}

// named gives what a reference names.
func (l loosener) named(ref string) (tree, bool) {
	part := localReference.FindStringSubmatch(ref)
	if part == nil || part[2] == "" {
		return tree{}, false
	}
	defs, _ := l.root.get(part[2])
	target, ok := defs.get(ref[len("#/")+len(part[2])+len("/"):])
	return target, ok && target.object
}

// schema leaves out of one schema what the engine cannot follow. A truth is any
// value: there is no schema of the engine's for none.
func (l loosener) schema(s tree, root bool) tree {
	out := tree{object: true}
	for _, m := range s.members {
		if v, keep := l.keyword(m.key, m.value, root); keep {
			out.members = append(out.members, entry{m.key, v})
		}
	}
	l.properties(s, &out)
	alternatives(&out)
	within(&out, "minimum", "maximum")
	within(&out, "exclusiveMinimum", "exclusiveMaximum")
	within(&out, "minimum", "exclusiveMaximum")
	within(&out, "exclusiveMinimum", "maximum")
	within(&out, "minLength", "maxLength")
	within(&out, "minItems", "maxItems")
	return out
}

// keyword gives the value of a keyword as the engine can have it.
func (l loosener) keyword(key string, v tree, root bool) (tree, bool) {
	switch key {
	case "type":
		return knownTypes(v)
	case "enum":
		return v, v.list && len(v.items) > 0
	case "const":
		return v, true
	case "required":
		return v, v.list && !slices.ContainsFunc(v.items, func(i tree) bool { _, ok := i.value.(string); return !ok })
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf":
		f, ok := v.float()
		return v, ok && f >= -maxNumber && f <= maxNumber
	case "minLength", "maxLength", "minItems", "maxItems":
		n, ok := v.value.(json.Number)
		count, err := strconv.Atoi(string(n))
		return v, ok && err == nil && count >= 0 && count <= maxRepeat
	case "properties":
		return l.schemas(v)
	case "$defs", "definitions":
		if !root {
			return v, false // no reference leads there
		}
		return l.schemas(v)
	case "items", "prefixItems", "anyOf", "oneOf", "allOf":
		if v.list {
			return l.list(key, v)
		}
		return l.schema(v, false), v.object && key == "items"
	case "additionalProperties":
		if _, truth := v.value.(bool); truth {
			return v, true
		}
		return l.schema(v, false), v.object
	case "$ref":
		s, _ := v.value.(string)
		_, ok := l.named(s)
		return v, ok
	case "format", "title", "description":
		_, ok := v.value.(string)
		return v, ok
	}
	return v, slices.Contains(shownWords, key)
}

// schemas is schema for each member. One that nothing can match is left out.
func (l loosener) schemas(v tree) (tree, bool) {
	out := tree{object: true}
	for _, m := range v.members {
		if m.value.value != false {
			out.members = append(out.members, entry{m.key, l.schema(m.value, false)})
		}
	}
	return out, v.object
}

// list is schema for each item. One that says nothing adds nothing to allOf, where
// the engine would take it for an object without properties.
func (l loosener) list(key string, v tree) (tree, bool) {
	out := tree{list: true}
	for _, item := range v.items {
		if item.value == false && key != "items" && key != "prefixItems" {
			continue
		}
		if s := l.schema(item, false); key != "allOf" || len(s.members) > 0 {
			out.items = append(out.items, s)
		}
	}
	return out, len(out.items) > 0
}

// properties settles what else says something of an object's properties: the
// engine allows those that are listed, and no others unless that is said.
func (l loosener) properties(s tree, out *tree) {
	patterns, _ := s.get("patternProperties")
	more := len(patterns.members) > 0
	if len(patterns.members) == 1 && !out.has("properties") {
		if one := patterns.members[0].value; one.object {
			out.set("additionalProperties", l.schema(one, false))
			more = false
		}
	}
	if out.has("properties") {
		for _, key := range []string{"anyOf", "oneOf", "allOf"} {
			v, _ := out.get(key)
			more = more || slices.ContainsFunc(v.items, func(s tree) bool { return s.has("properties") || s.has("$ref") || s.has("additionalProperties") })
			out.drop(key)
		}
	}
	for _, key := range []string{"if", "then", "else", "dependentSchemas", "dependencies"} {
		v, _ := s.get(key)
		more = more || bytes.Contains(v.bytes(), []byte(`"properties"`))
	}
	if more {
		out.set("additionalProperties", tree{value: true})
	}
	if items, _ := out.get("prefixItems"); items.list {
		out.drop("items")
	}
}

// alternatives gives those that name no type the one of the whole.
func alternatives(s *tree) {
	kind, ok := s.get("type")
	for _, key := range []string{"anyOf", "oneOf"} {
		v, _ := s.get(key)
		for i := range v.items {
			says := slices.ContainsFunc(v.items[i].members, func(m entry) bool {
				return slices.Contains([]string{"type", "$ref", "const", "enum", "anyOf", "oneOf", "allOf"}, m.key)
			})
			if ok && !says {
				v.items[i].members = append([]entry{{"type", kind}}, v.items[i].members...)
			}
		}
	}
}

// within leaves out two limits that nothing can keep.
func within(s *tree, low, high string) {
	lo, _ := s.get(low)
	hi, _ := s.get(high)
	l, ok := lo.float()
	h, also := hi.float()
	exclusive := low == "exclusiveMinimum" || high == "exclusiveMaximum"
	if ok && also && (l > h || exclusive && l >= h-1) {
		s.drop(low, high)
	}
}

func (t tree) float() (float64, bool) {
	n, ok := t.value.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

// knownTypes keeps the types that there are, each once.
func knownTypes(v tree) (tree, bool) {
	known := func(t tree) bool {
		switch t.value {
		case "object", "array", "string", "number", "integer", "boolean", "null":
			return true
		}
		return false
	}
	if !v.list {
		return v, known(v)
	}
	out := tree{list: true}
	for _, t := range v.items {
		if known(t) && !slices.ContainsFunc(out.items, func(o tree) bool { return o.value == t.value }) {
			out.items = append(out.items, t)
		}
	}
	return out, len(out.items) > 0
}
