package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
)

// document is a JSON text taken apart, so that its strings can be changed one
// by one and the rest stays as it is, the order of members too.
type document struct{ tokens []jsonToken }

// jsonToken is a delimiter, a value, or the key of a member.
type jsonToken struct {
	value any    // json.Delim, json.Number, bool or nil where it is no string
	text  string // where it is one
	kind  stringKind
	under string // of a value: the key that it stands right under
	data  bool   // it is in what a schema holds as values, or may be
}

type stringKind int

const (
	noString stringKind = iota
	keyString
	valueString
)

const maxJSONDepth = 64

// valueKeywords are those of a schema that hold values instead of schemas.
var valueKeywords = []string{"const", "enum", "default", "examples"}

var errJSON = errors.New("not one JSON value, or one that nests deeper than 64")

// openJSON takes raw apart.
func openJSON(raw []byte) (*document, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	d := &document{}
	type level struct {
		object, value bool // value: the next string of an object is one
		key           string
		data          bool
	}
	var levels []level
	for {
		t, err := dec.Token()
		if errors.Is(err, io.EOF) && len(d.tokens) > 0 && len(levels) == 0 {
			return d, nil
		}
		if err != nil || len(levels) == 0 && len(d.tokens) > 0 {
			return nil, errJSON
		}
		out, top := jsonToken{value: t}, len(levels)-1
		inObject := top >= 0 && levels[top].object
		switch s, isString := t.(string); {
		case isString && inObject && !levels[top].value:
			out = jsonToken{text: s, kind: keyString}
			levels[top].key, levels[top].value = s, true
			d.tokens = append(d.tokens, out)
			continue
		case isString:
			out = jsonToken{text: s, kind: valueString}
		}
		if inObject {
			out.under = levels[top].key
			levels[top].value = false
		}
		out.data = top >= 0 && levels[top].data || slices.Contains(valueKeywords, out.under)
		d.tokens = append(d.tokens, out)
		switch t {
		case json.Delim('{'), json.Delim('['):
			if levels = append(levels, level{object: t == json.Delim('{'), data: out.data}); len(levels) > maxJSONDepth {
				return nil, errJSON
			}
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:top]
		}
	}
}

// isObject tells whether the whole is an object.
func (d *document) isObject() bool { return d.tokens[0].value == json.Delim('{') }

// bytes puts the document together again.
func (d *document) bytes() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	comma := false
	for _, t := range d.tokens {
		closes := t.value == json.Delim('}') || t.value == json.Delim(']')
		if comma && !closes {
			b.WriteByte(',')
		}
		switch v := t.value.(type) {
		case json.Delim:
			b.WriteByte(byte(v))
			comma = closes
			continue
		case json.Number:
			b.WriteString(string(v))
		default:
			if t.kind != noString {
				_ = enc.Encode(t.text) // of a string it knows no error
			} else {
				_ = enc.Encode(v)
			}
			b.Truncate(b.Len() - 1) // the encoder ends with a line
		}
		if comma = t.kind != keyString; !comma {
			b.WriteByte(':')
		}
	}
	return b.Bytes()
}
