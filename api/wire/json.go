package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Caps on the shape of a document. Its size is capped by who reads it.
const (
	maxDepth  = 64
	maxValues = 100_000 // a value costs some hundred bytes once decoded
)

// Value is a JSON value as it was sent: exact keys, in order, each once.
type Value struct {
	Kind   Kind
	Text   string // of a string; the digits of a number
	Truth  bool
	List   []Value
	Fields []Field
	Raw    []byte // the bytes of a list or an object
}

// Field is one key of an object.
type Field struct {
	Name  string
	Value Value
}

// Kind says what a value is, in words for an error.
type Kind string

// The kinds.
const (
	Null   Kind = "null"
	Bool   Kind = "a boolean"
	Number Kind = "a number"
	String Kind = "a string"
	List   Kind = "a list"
	Object Kind = "an object"
)

// Parse reads the body of a request: one object. Its errors are *BadRequest.
func Parse(body []byte) (Value, error) {
	root, err := parse(body)
	if err != nil {
		return Value{}, &BadRequest{Message: "We could not read the request: " + err.Error() + ".", Code: InvalidJSON}
	}
	if root.Kind != Object {
		return Value{}, &BadRequest{Message: "The request is " + string(root.Kind) + "; send an object.", Code: InvalidJSON}
	}
	return root, nil
}

// parse reads one JSON document (RFC 8259) more strictly than encoding/json,
// which takes what two readers could understand in two ways: here invalid
// UTF-8, escaped NULs and half surrogate pairs, doubled keys, anything after the
// document, great depth and great numbers of values are all errors. Errors never
// hold any of the document but its keys.
func parse(body []byte) (Value, error) {
	if err := inspect(body); err != nil {
		return Value{}, err
	}
	p := &parser{body: body, dec: json.NewDecoder(bytes.NewReader(body))}
	p.dec.UseNumber()
	n, err := p.value()
	if err != nil {
		return Value{}, wording(err)
	}
	if _, err := p.dec.Token(); err != io.EOF {
		return Value{}, errors.New("something follows the JSON document; send one object and nothing after it")
	}
	return n, nil
}

// wording keeps what encoding/json says about a fault, which may quote the
// document, out of our errors.
func wording(err error) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("the body is not valid JSON at byte %d", e.Offset)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the body is empty or ends too early; send the whole JSON document")
	}
	return err
}

// inspect looks at bytes and string escapes, before anything is decoded.
func inspect(body []byte) error {
	if !utf8.Valid(body) {
		return errors.New("the body is not valid UTF-8; encode it as UTF-8")
	}
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			quoted = !quoted
		case c == 0:
			return errors.New("the body holds a NUL byte; take it out")
		case quoted && c == '\\':
			i++
			if i >= len(body) || body[i] != 'u' {
				continue
			}
			r, ok := escaped(body[i-1:])
			switch {
			case !ok:
				return fmt.Errorf("the escape at byte %d is not a character; write \\uXXXX, and characters beyond U+FFFF as a pair", i)
			case r == 0:
				return errors.New("a string holds \\u0000; take the NUL out")
			case r > 0xFFFF:
				i += 10 // the rest of both escapes
			default:
				i += 4
			}
		case !quoted && (c == '{' || c == '['):
			if depth++; depth > maxDepth {
				return fmt.Errorf("the body is nested more than %d deep; send a flatter document", maxDepth)
			}
		case !quoted && (c == '}' || c == ']'):
			depth--
		}
	}
	return nil
}

// escaped decodes the \uXXXX, or the pair of them, that b begins with.
func escaped(b []byte) (rune, bool) {
	unit := func(b []byte) (rune, bool) {
		if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
			return 0, false
		}
		u, err := strconv.ParseUint(string(b[2:6]), 16, 16)
		return rune(u), err == nil
	}
	r, ok := unit(b)
	if !ok || !utf16.IsSurrogate(r) {
		return r, ok
	}
	low, ok := unit(b[6:])
	r = utf16.DecodeRune(r, low)
	return r, ok && r != utf8.RuneError
}

type parser struct {
	body  []byte
	dec   *json.Decoder
	count int
}

func (p *parser) value() (Value, error) {
	if p.count++; p.count > maxValues {
		return Value{}, fmt.Errorf("the body holds more than %d values; send a smaller document", maxValues)
	}
	token, err := p.dec.Token()
	if err != nil {
		return Value{}, err
	}
	end := p.dec.InputOffset()
	switch v := token.(type) {
	case nil:
		return Value{Kind: Null}, nil
	case bool:
		return Value{Kind: Bool, Truth: v}, nil
	case json.Number:
		return Value{Kind: Number, Text: v.String()}, nil
	case string:
		return Value{Kind: String, Text: v}, nil
	case json.Delim:
		var n Value
		if v == '[' {
			n, err = p.array()
		} else {
			n, err = p.object()
		}
		n.Raw = p.body[end-1 : p.dec.InputOffset()]
		return n, err
	}
	return Value{}, errors.New("the body holds something that is no JSON value")
}

func (p *parser) array() (Value, error) {
	n := Value{Kind: List}
	for p.dec.More() {
		v, err := p.value()
		if err != nil {
			return n, err
		}
		n.List = append(n.List, v)
	}
	_, err := p.dec.Token() // the closing bracket, or what is wrong with it
	return n, err
}

func (p *parser) object() (Value, error) {
	n := Value{Kind: Object}
	seen := map[string]bool{}
	for p.dec.More() {
		token, err := p.dec.Token()
		if err != nil {
			return n, err
		}
		name, _ := token.(string) // encoding/json checks that a key is a string
		if seen[name] {
			return n, fmt.Errorf("the key %s stands twice in one object; send it once", Shown(name))
		}
		seen[name] = true
		v, err := p.value()
		if err != nil {
			return n, err
		}
		n.Fields = append(n.Fields, Field{name, v})
	}
	_, err := p.dec.Token()
	return n, err
}

// Shown quotes a key for an error, short and printable.
func Shown(name string) string {
	if len(name) > 64 {
		name = strings.ToValidUTF8(name[:64], "") + "…"
	}
	return strconv.QuoteToASCII(name)
}
