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
func (d *decoder) format(v wire.Value, at string, o *engine.Options) {
	var what string
	schema := false
	have := d.object(v, at, table{
		"type":        d.text(&what),
		"json_schema": func(v wire.Value, at string) { schema, o.JSONSchema = true, d.namedSchema(v, at, nil) },
		"schema":      func(v wire.Value, at string) { o.JSONSchema = d.jsonSchema(v, at) }, // llama-server's, beside json_object
	})
	if have["schema"] && what != "json_object" {
		d.Fail(at+".schema", wire.Invalid, "%s.schema goes with the type json_object; with json_schema it stands in %s.json_schema.schema.", at, at)
	}
	if (what == "json_schema") != schema {
		d.Fail(at, wire.Invalid, "%s.json_schema and the type json_schema come together or not at all.", at)
	}
	d.formatType(what, at, o)
}

// textFormat reads text.format of responses, where the schema stands beside the
// type.
func (d *decoder) textFormat(v wire.Value, at string, o *engine.Options) {
	what := kind(v)
	t := table{"type": d.is(wire.String)}
	if what == "json_schema" {
		o.JSONSchema = d.namedSchema(v, at, t)
	} else {
		d.object(v, at, t)
	}
	d.formatType(what, at, o)
}

func (d *decoder) formatType(what, at string, o *engine.Options) {
	switch what {
	case "text", "json_schema":
	case "json_object":
		o.JSONObject = o.JSONSchema == nil
	default:
		d.Fail(at+".type", wire.Invalid, "%s.type is missing or unknown: use text, json_object or json_schema.", at)
	}
}

// namedSchema reads a schema with its name, and more fields beside it.
func (d *decoder) namedSchema(v wire.Value, at string, more table) (schema []byte) {
	var name string
	have := d.object(v, at, table{
		"name":        d.text(&name),
		"description": d.is(wire.String),
		"strict":      d.is(wire.Bool), // an answer always follows the schema here
		"schema":      func(v wire.Value, at string) { schema = d.jsonSchema(v, at) },
	}.and(more))
	if name == "" {
		d.Fail(at+".name", wire.Missing, "%s.name is missing: give the schema a name.", at)
	}
	if !have["schema"] {
		d.Fail(at+".schema", wire.Missing, "%s.schema is missing: send a JSON Schema as an object.", at)
	}
	return schema
}

func (d *decoder) jsonSchema(v wire.Value, at string) []byte {
	if v.Kind != wire.Object {
		d.Fail(at, wire.Invalid, "%s is %s; send a JSON Schema as an object.", at, v.Kind)
		return nil
	}
	if len(v.Raw) > maxSchemaBytes {
		d.Fail(at, wire.Invalid, "%s has %d bytes, the most is %d. Make it smaller.", at, len(v.Raw), maxSchemaBytes)
		return nil
	}
	return bytes.Clone(v.Raw)
}
