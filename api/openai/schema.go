package openai

import (
	"bytes"
	"fmt"
	"strings"

	"abaton.local/engine"
)

// What the engine is given to turn into a grammar is bounded, for that code is
// native and was written for friendly schemas.
const (
	maxSchemaBytes = 64 << 10
	maxSchemaDepth = 32
)

// format reads response_format.
func (d *decoder) format(v node, o *engine.Options) {
	const at = "response_format"
	if !d.want(v, at, isObject) {
		return
	}
	var what string
	var schema *node
	for _, f := range v.fields {
		switch f.name {
		case "type":
			if d.want(f.value, at+".type", isString) {
				what = f.value.text
			}
		case "json_schema":
			if f.value.kind != isNull {
				schema = &f.value
			}
		default:
			d.fail(at+"."+printable(f.name), codeUnknown, "Unknown parameter %s in response_format. Leave it out.", shown(f.name))
		}
	}
	if (what == "json_schema") != (schema != nil) && d.err == nil {
		d.fail(at, codeInvalid, "response_format.json_schema and the type json_schema come together or not at all.")
	}
	switch what {
	case "text":
	case "json_object":
		o.JSONObject = true
	case "json_schema":
		if schema != nil {
			o.JSONSchema = d.schema(*schema, at+".json_schema")
		}
	default:
		d.fail(at+".type", codeInvalid, "response_format.type is missing or unknown: use text, json_object or json_schema.")
	}
}

func (d *decoder) schema(v node, at string) []byte {
	if !d.want(v, at, isObject) {
		return nil
	}
	var named bool
	var schema *node
	for _, f := range v.fields {
		switch f.name {
		case "name":
			named = d.want(f.value, at+".name", isString) && f.value.text != ""
		case "description":
			if f.value.kind != isNull {
				d.want(f.value, at+".description", isString)
			}
		case "strict": // an answer always follows the schema here
			if f.value.kind != isNull {
				d.bool(f.value, at+".strict")
			}
		case "schema":
			schema = &f.value
		default:
			d.fail(at+"."+printable(f.name), codeUnknown, "Unknown parameter %s in %s. Leave it out.", shown(f.name), at)
		}
	}
	if !named {
		d.fail(at+".name", codeMissing, "%s.name is missing: give the schema a name.", at)
	}
	if schema == nil || schema.kind != isObject {
		d.fail(at+".schema", codeMissing, "%s.schema is missing: send a JSON Schema as an object.", at)
		return nil
	}
	if err := checkSchema(*schema); err != nil {
		d.fail(at+".schema", codeUnsupported, "%s.schema cannot be used: %v.", at, err)
		return nil
	}
	return bytes.Clone(schema.raw)
}

// checkSchema keeps out of the engine what is large, deep, or compiled by a
// second parser of its own: regular expressions, and references to elsewhere.
func checkSchema(schema node) error {
	if len(schema.raw) > maxSchemaBytes {
		return fmt.Errorf("it has %d bytes, the most is %d; make it smaller", len(schema.raw), maxSchemaBytes)
	}
	return walkSchema(schema, 1)
}

func walkSchema(n node, depth int) error {
	if depth > maxSchemaDepth {
		return fmt.Errorf("it is nested more than %d deep; make it flatter", maxSchemaDepth)
	}
	for _, v := range n.list {
		if err := walkSchema(v, depth+1); err != nil {
			return err
		}
	}
	for _, f := range n.fields {
		switch {
		case f.name == "pattern" || f.name == "patternProperties":
			// A property of this name is refused as well: the engine's own reader
			// makes no difference.
			return fmt.Errorf("%s is not supported; take it out and check the answer in your program", f.name)
		case f.name == "$ref" && (f.value.kind != isString || !strings.HasPrefix(f.value.text, "#")):
			return fmt.Errorf("$ref may only point into the schema itself, as in #/$defs/name")
		}
		if err := walkSchema(f.value, depth+1); err != nil {
			return err
		}
	}
	return nil
}
