package openai

import (
	"bytes"

	"abaton.local/engine"
)

// maxSchemaBytes bounds what is handed on; which keywords a schema may use, how
// deep and how often, is the engine's to judge.
const maxSchemaBytes = 64 << 10

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
	if len(schema.raw) > maxSchemaBytes {
		d.fail(at+".schema", codeInvalid, "%s.schema has %d bytes, the most is %d. Make it smaller.", at, len(schema.raw), maxSchemaBytes)
		return nil
	}
	return bytes.Clone(schema.raw)
}
