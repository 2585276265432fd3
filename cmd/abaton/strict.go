package main

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strings"
	"unicode/utf8"
)

// Why a call is not read. None quotes it.
var (
	errNoJSON   = errors.New("it is not one JSON value in UTF-8")
	errNoField  = errors.New("a field does not belong there")
	errTwice    = errors.New("a field is there twice")
	errNoFit    = errors.New("a value is of another kind than it should be")
	errTooLarge = errors.New("it is too large")
)

// readStrictly reads JSON that has one meaning only: every object's names are
// those of in, spelled exactly, each once. Package json takes "ID" for "id" and
// the last of two, so that what one reader checks another need not see. The
// names are looked at where they lie: values may be secrets.
func readStrictly(b []byte, in any) error {
	if !utf8.Valid(b) || !json.Valid(b) {
		return errNoJSON
	}
	w := names{b}
	if err := w.walk(reflect.TypeOf(in).Elem()); err != nil {
		return err
	}
	if json.Unmarshal(b, in) != nil {
		return errNoFit
	}
	return nil
}

// names walks through valid JSON and looks at the names in it.
type names struct{ rest []byte }

func (w *names) space() { w.rest = bytes.TrimLeft(w.rest, " \t\r\n") }

// next is what comes after white space.
func (w *names) next() byte {
	w.space()
	return w.rest[0]
}

func (w *names) take() { w.rest = w.rest[1:] }

// walk goes through one value, which is for something of type t; nil: of any.
func (w *names) walk(t reflect.Type) error {
	switch w.next() {
	case '{':
		return w.object(t)
	case '[':
		return w.array(t)
	case '"':
		w.text()
	default: // a number or a word
		end := bytes.IndexAny(w.rest, " \t\r\n,]}")
		if end < 0 {
			end = len(w.rest)
		}
		w.rest = w.rest[end:]
	}
	return nil
}

// text takes a string and gives what stands between its quotes, as it stands.
func (w *names) text() []byte {
	n := 1
	for w.rest[n] != '"' {
		if w.rest[n] == '\\' {
			n++
		}
		n++
	}
	s := w.rest[1:n]
	w.rest = w.rest[n+1:]
	return s
}

func (w *names) object(t reflect.Type) error {
	fields, named := fieldsOf(t)
	seen := map[string]bool{}
	w.take()
	for w.next() != '}' {
		if w.rest[0] == ',' {
			w.take()
			w.space()
		}
		name := string(w.text())
		field, known := fields[name]
		switch {
		case named && !known, strings.Contains(name, `\`): // a second spelling
			return errNoField
		case seen[name]:
			return errTwice
		}
		seen[name] = true
		w.next()
		w.take() // the colon
		if err := w.walk(field); err != nil {
			return err
		}
	}
	w.take()
	return nil
}

func (w *names) array(t reflect.Type) error {
	t = pointed(t)
	if t != nil && (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
		t = t.Elem()
	} else {
		t = nil
	}
	w.take()
	for w.next() != ']' {
		if w.rest[0] == ',' {
			w.take()
		}
		if err := w.walk(t); err != nil {
			return err
		}
	}
	w.take()
	return nil
}

// pointed is what a type points at in the end.
func pointed(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// fieldsOf are the names of a struct's fields in JSON. Named is false where t is
// none, or reads itself.
func fieldsOf(t reflect.Type) (fields map[string]reflect.Type, named bool) {
	t = pointed(t)
	if t == nil || t.Kind() != reflect.Struct {
		return nil, false
	}
	p := reflect.PointerTo(t)
	if p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil, false
	}
	fields = map[string]reflect.Type{}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			more, _ := fieldsOf(f.Type)
			maps.Copy(fields, more)
		case !f.IsExported() || f.Tag.Get("json") == "-":
		case name == "":
			fields[f.Name] = f.Type
		default:
			fields[name] = f.Type
		}
	}
	return fields, true
}
