package openai

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

// node is a JSON value as it was sent: exact keys, in order, each once.
type node struct {
	kind   kind
	text   string // of a string; the digits of a number
	truth  bool
	list   []node
	fields []field
	raw    []byte // the bytes of a list or an object
}

type field struct {
	name  string
	value node
}

type kind string

const (
	isNull   kind = "null"
	isBool   kind = "a boolean"
	isNumber kind = "a number"
	isString kind = "a string"
	isList   kind = "a list"
	isObject kind = "an object"
)

// parse reads one JSON document (RFC 8259) more strictly than encoding/json,
// which takes what two readers could understand in two ways: here invalid
// UTF-8, escaped NULs and half surrogate pairs, doubled keys, anything after the
// document, great depth and great numbers of values are all errors. Errors never
// hold any of the document but its keys.
func parse(body []byte) (node, error) {
	if err := inspect(body); err != nil {
		return node{}, err
	}
	p := &parser{body: body, dec: json.NewDecoder(bytes.NewReader(body))}
	p.dec.UseNumber()
	n, err := p.value()
	if err != nil {
		return node{}, wording(err)
	}
	if _, err := p.dec.Token(); err != io.EOF {
		return node{}, errors.New("something follows the JSON document; send one object and nothing after it")
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

func (p *parser) value() (node, error) {
	if p.count++; p.count > maxValues {
		return node{}, fmt.Errorf("the body holds more than %d values; send a smaller document", maxValues)
	}
	token, err := p.dec.Token()
	if err != nil {
		return node{}, err
	}
	end := p.dec.InputOffset()
	switch v := token.(type) {
	case nil:
		return node{kind: isNull}, nil
	case bool:
		return node{kind: isBool, truth: v}, nil
	case json.Number:
		return node{kind: isNumber, text: v.String()}, nil
	case string:
		return node{kind: isString, text: v}, nil
	case json.Delim:
		var n node
		if v == '[' {
			n, err = p.array()
		} else {
			n, err = p.object()
		}
		n.raw = p.body[end-1 : p.dec.InputOffset()]
		return n, err
	}
	return node{}, errors.New("the body holds something that is no JSON value")
}

func (p *parser) array() (node, error) {
	n := node{kind: isList}
	for p.dec.More() {
		v, err := p.value()
		if err != nil {
			return n, err
		}
		n.list = append(n.list, v)
	}
	_, err := p.dec.Token() // the closing bracket, or what is wrong with it
	return n, err
}

func (p *parser) object() (node, error) {
	n := node{kind: isObject}
	seen := map[string]bool{}
	for p.dec.More() {
		token, err := p.dec.Token()
		if err != nil {
			return n, err
		}
		name, _ := token.(string) // encoding/json checks that a key is a string
		if seen[name] {
			return n, fmt.Errorf("the key %s stands twice in one object; send it once", shown(name))
		}
		seen[name] = true
		v, err := p.value()
		if err != nil {
			return n, err
		}
		n.fields = append(n.fields, field{name, v})
	}
	_, err := p.dec.Token()
	return n, err
}

// shown quotes a key for an error, short and printable.
func shown(name string) string {
	if len(name) > 64 {
		name = strings.ToValidUTF8(name[:64], "") + "…"
	}
	return strconv.QuoteToASCII(name)
}
