package engine

import (
	"encoding/json"
	"iter"
)

// Caps of what the engine makes of a schema (b11434: json-schema.cpp and
// json-schema-to-grammar.cpp). Few bytes can ask for much: a list of types
// copies the schema once for each, at every level; a length makes a rule for
// each unit; and references that lead to each other through nothing but
// alternatives are followed without end, until the stack is used up.
const (
	maxRules        = 1 << 17 // about one second of the engine's time
	maxAlternatives = 4096    // that can begin at one place of an answer
)

// scale weighs a schema that a schemaReader took.
type scale struct {
	root  map[string]any
	width map[string]int // of what a reference names; 0 while it is being weighed
}

// weigh refuses schemas that are small to read and large to follow.
func weigh(raw []byte) error {
	s := scale{width: map[string]int{}}
	if err := json.Unmarshal(raw, &s.root); err != nil {
		return &schemaError{"it is not JSON"}
	}
	if s.rules(s.root) > maxRules {
		return &schemaError{"its lengths and lists of types ask for too many rules"}
	}
	return s.alternatives(s.root)
}

// rulesOf tells how many grammar rules come of a schema that was weighed, about.
func rulesOf(raw []byte) int {
	s := scale{}
	if json.Unmarshal(raw, &s.root) != nil {
		return 0 // there is none: it was read before
	}
	return s.rules(s.root)
}

// rules tells how many grammar rules come of a schema, about; what a reference
// names is built once, where it stands.
func (s *scale) rules(schema map[string]any) int {
	values, _ := schema["enum"].([]any)
	n := 1 + len(values) + max(number(schema["minLength"]), number(schema["maxLength"])) + max(number(schema["minItems"]), number(schema["maxItems"]))
	for child := range parts(schema) {
		n = min(n+s.rules(child), maxRules+1)
	}
	return min(n*types(schema), maxRules+1)
}

// alternatives holds every part of a schema against maxAlternatives.
func (s *scale) alternatives(schema map[string]any) error {
	n, err := s.beginnings(schema)
	if err != nil {
		return err
	}
	if n > maxAlternatives {
		return &schemaError{"it has more than 4096 alternatives at one place"}
	}
	for child := range parts(schema) {
		if err := s.alternatives(child); err != nil {
			return err
		}
	}
	return nil
}

// beginnings tells in how many ways an answer to schema can begin.
func (s *scale) beginnings(schema map[string]any) (int, error) {
	if name, ok := schema["$ref"].(string); ok {
		return s.named(name)
	}
	n := 0
	for _, key := range []string{"anyOf", "oneOf", "allOf"} {
		for child := range schemasIn(schema[key]) {
			m, err := s.beginnings(child)
			if err != nil {
				return 0, err
			}
			n = min(n+m, maxAlternatives+1)
		}
	}
	return min(max(n, 1)*types(schema), maxAlternatives+1), nil
}

// named is beginnings of what a reference names. One that names nothing is
// refused by the engine.
func (s *scale) named(name string) (int, error) {
	n, known := s.width[name]
	switch {
	case known && n == 0:
		return 0, &schemaError{"a $ref leads back to itself with no object or array in between"}
	case known:
		return n, nil
	}
	target := s.root
	if name != "#" {
		part := localReference.FindStringSubmatch(name)
		defs, _ := s.root[part[2]].(map[string]any)
		target, _ = defs[name[len("#/")+len(part[2])+len("/"):]].(map[string]any)
	}
	s.width[name] = 0
	n, err := s.beginnings(target)
	s.width[name] = n
	return n, err
}

// parts gives the schemas right below schema.
func parts(schema map[string]any) iter.Seq[map[string]any] {
	return func(yield func(map[string]any) bool) {
		for _, key := range []string{"items", "prefixItems", "additionalProperties", "anyOf", "oneOf", "allOf"} {
			for child := range schemasIn(schema[key]) {
				if !yield(child) {
					return
				}
			}
		}
		for _, key := range []string{"properties", "$defs", "definitions"} {
			named, _ := schema[key].(map[string]any)
			for _, v := range named {
				if child, ok := v.(map[string]any); ok && !yield(child) {
					return
				}
			}
		}
	}
}

// schemasIn gives v if it is a schema, or those in the list that it is.
func schemasIn(v any) iter.Seq[map[string]any] {
	return func(yield func(map[string]any) bool) {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, v := range list {
			if child, ok := v.(map[string]any); ok && !yield(child) {
				return
			}
		}
	}
}

// types tells how often the engine reads a schema for its list of types.
func types(schema map[string]any) int {
	list, _ := schema["type"].([]any)
	return max(1, len(list))
}

func number(v any) int {
	n, _ := v.(float64)
	return int(n)
}
