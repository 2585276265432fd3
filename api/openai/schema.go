package openai

import (
	"bytes"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

// maxSchemaBytes bounds what is handed on; which keywords a schema may use, how
// deep and how often, is the engine's to judge.
const maxSchemaBytes = 64 << 10

// format reads response_format.
func (d *decoder) format(v wire.Value, o *engine.Options) {
	const at = "response_format"
	if !d.Want(v, at, wire.Object) {
		return
	}
	var what string
	var schema *wire.Value
	for _, f := range v.Fields {
		switch f.Name {
		case "type":
			if d.Want(f.Value, at+".type", wire.String) {
				what = f.Value.Text
			}
		case "json_schema":
			if f.Value.Kind != wire.Null {
				schema = &f.Value
			}
		default:
			d.Fail(at+"."+wire.Printable(f.Name), wire.Unknown, "Unknown parameter %s in response_format. Leave it out.", wire.Shown(f.Name))
		}
	}
	if (what == "json_schema") != (schema != nil) && d.Err == nil {
		d.Fail(at, wire.Invalid, "response_format.json_schema and the type json_schema come together or not at all.")
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
		d.Fail(at+".type", wire.Invalid, "response_format.type is missing or unknown: use text, json_object or json_schema.")
	}
}

func (d *decoder) schema(v wire.Value, at string) []byte {
	if !d.Want(v, at, wire.Object) {
		return nil
	}
	var named bool
	var schema *wire.Value
	for _, f := range v.Fields {
		switch f.Name {
		case "name":
			named = d.Want(f.Value, at+".name", wire.String) && f.Value.Text != ""
		case "description":
			if f.Value.Kind != wire.Null {
				d.Want(f.Value, at+".description", wire.String)
			}
		case "strict": // an answer always follows the schema here
			if f.Value.Kind != wire.Null {
				d.Bool(f.Value, at+".strict")
			}
		case "schema":
			schema = &f.Value
		default:
			d.Fail(at+"."+wire.Printable(f.Name), wire.Unknown, "Unknown parameter %s in %s. Leave it out.", wire.Shown(f.Name), at)
		}
	}
	if !named {
		d.Fail(at+".name", wire.Missing, "%s.name is missing: give the schema a name.", at)
	}
	if schema == nil || schema.Kind != wire.Object {
		d.Fail(at+".schema", wire.Missing, "%s.schema is missing: send a JSON Schema as an object.", at)
		return nil
	}
	if len(schema.Raw) > maxSchemaBytes {
		d.Fail(at+".schema", wire.Invalid, "%s.schema has %d bytes, the most is %d. Make it smaller.", at, len(schema.Raw), maxSchemaBytes)
		return nil
	}
	return bytes.Clone(schema.Raw)
}
