package openai

import (
	"errors"
	"strconv"
	"strings"
)

func (d *decoder) want(v node, at string, k kind) bool {
	if v.kind != k {
		d.fail(at, codeInvalid, "%s is %s; send %s.", at, v.kind, k)
	}
	return v.kind == k
}

func (d *decoder) bool(v node, at string) bool { return d.want(v, at, isBool) && v.truth }

func (d *decoder) float(v node, at string, low, high float64) *float64 {
	if !d.want(v, at, isNumber) {
		return nil
	}
	x, err := strconv.ParseFloat(v.text, 64)
	if err != nil || x < low || x > high {
		d.fail(at, codeInvalid, "%s is out of range; send a number from %g to %g.", at, low, high)
		return nil
	}
	return &x
}

func (d *decoder) int(v node, at string, low, high int64) int64 {
	if !d.want(v, at, isNumber) {
		return low
	}
	x, err := strconv.ParseInt(v.text, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrSyntax):
		d.fail(at, codeInvalid, "%s is not a whole number; send one from %d to %d.", at, low, high)
	case err != nil || x < low || x > high:
		d.fail(at, codeInvalid, "%s is out of range; send a whole number from %d to %d.", at, low, high)
	}
	return min(max(x, low), high)
}

func (d *decoder) name(v node, at string) string {
	if !d.want(v, at, isString) {
		return ""
	}
	if len(v.text) > maxModelName || strings.ContainsFunc(v.text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		d.fail(at, codeInvalid, "%s is longer than %d bytes or holds control characters; GET /v1/models lists the names there are.", at, maxModelName)
		return ""
	}
	return v.text
}

// printable keeps a client's key short and harmless where it is sent back.
func printable(name string) string {
	s := shown(name)
	return s[1 : len(s)-1]
}
