package wire

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Reader keeps the first thing that is wrong with a request. Its methods read
// values whose place in the request is named by at.
type Reader struct{ Err *BadRequest }

// Fail puts something wrong on record; what came before it stands.
func (d *Reader) Fail(param string, code Code, format string, args ...any) {
	if d.Err == nil {
		d.Err = &BadRequest{Param: param, Code: code, Message: fmt.Sprintf(format, args...)}
	}
}

// Want tells whether v is of kind k.
func (d *Reader) Want(v Value, at string, k Kind) bool {
	if v.Kind != k {
		d.Fail(at, Invalid, "%s is %s; send %s.", at, v.Kind, k)
	}
	return v.Kind == k
}

// Bool reads true or false.
func (d *Reader) Bool(v Value, at string) bool { return d.Want(v, at, Bool) && v.Truth }

// Float reads a number in a range; nil where it is none.
func (d *Reader) Float(v Value, at string, low, high float64) *float64 {
	if !d.Want(v, at, Number) {
		return nil
	}
	x, err := strconv.ParseFloat(v.Text, 64)
	if err != nil || x < low || x > high {
		d.Fail(at, Invalid, "%s is out of range; send a number from %g to %g.", at, low, high)
		return nil
	}
	return &x
}

// Int reads a whole number in a range, and gives one in it whatever was sent.
func (d *Reader) Int(v Value, at string, low, high int64) int64 {
	if !d.Want(v, at, Number) {
		return low
	}
	x, err := strconv.ParseInt(v.Text, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		d.Fail(at, Invalid, "%s is not a whole number; send one from %d to %d.", at, low, high)
	case err != nil || x < low || x > high:
		d.Fail(at, Invalid, "%s is out of range; send a whole number from %d to %d.", at, low, high)
	}
	return min(max(x, low), high)
}

// maxModelName is in bytes.
const maxModelName = 256

// Name reads the name of a model.
func (d *Reader) Name(v Value, at string) string {
	if !d.Want(v, at, String) {
		return ""
	}
	if len(v.Text) > maxModelName || strings.ContainsFunc(v.Text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		d.Fail(at, Invalid, "%s is longer than %d bytes or holds control characters; ask the server for the list of its models.", at, maxModelName)
		return ""
	}
	return v.Text
}

// Printable keeps a client's key short and harmless where it is sent back.
func Printable(name string) string {
	s := Shown(name)
	return s[1 : len(s)-1]
}
