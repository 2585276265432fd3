package openai

import (
	"strconv"

	"abaton.local/api/wire"
)

// decoder reads the fields that only this dialect has.
type decoder struct {
	wire.Reader
	forged   bool
	pictures []wire.Picture
	calls    map[string]bool // ids of calls that a tool may answer
}

// table says how each field of an object is read. Null is the dialect's word
// for "left out", so no reader sees it, and one whose name we do not know says
// nothing: client libraries send back an answer's own fields, with those of
// their newest version. A nil reader is for what may only be null.
type table map[string]func(v wire.Value, at string)

// object reads an object and tells which of its fields hold something.
func (d *decoder) object(v wire.Value, at string, known table) map[string]bool {
	have := map[string]bool{}
	if !d.Want(v, at, wire.Object) {
		return have
	}
	for _, f := range v.Fields {
		where := at + "." + wire.Printable(f.Name)
		read, is := known[f.Name]
		switch {
		case f.Value.Kind == wire.Null:
		case !is:
			d.Fail(where, wire.Unknown, "Unknown parameter %s in %s. Check its spelling, or leave it out.", wire.Shown(f.Name), at)
		case read == nil:
			if !empty(f.Value) {
				d.Fail(where, wire.Unsupported, "%s is not supported. Leave it out.", where)
			}
		default:
			have[f.Name] = true
			read(f.Value, where)
		}
	}
	return have
}

// root reads the body of a request, with what the endpoint takes without effect
// and what it refuses.
func (d *decoder) root(v wire.Value, in Endpoint, known table) map[string]bool {
	have := map[string]bool{}
	for _, f := range v.Fields {
		read, is := known[f.Name]
		hint, harmless := Hints[f.Name]
		why, refusal := refused[f.Name]
		harmless, refusal = harmless && hint.In&in != 0, refusal && why.in&in != 0
		switch {
		case !is && !harmless && !refusal:
			d.Fail(wire.Printable(f.Name), wire.Unknown, "Unknown parameter %s. Check its spelling, or leave it out.", wire.Shown(f.Name))
		case f.Value.Kind == wire.Null:
		case is:
			have[f.Name] = true
			read(f.Value, f.Name)
		case harmless:
			d.forged = d.forged || hint.Forged
			if hint.Kind != "" {
				d.Want(f.Value, f.Name, hint.Kind)
			}
		case !empty(f.Value):
			d.Fail(f.Name, wire.Unsupported, "%s is not supported: %s Leave %s out.", f.Name, why.because, f.Name)
		}
	}
	return have
}

// empty tells whether v says nothing.
func empty(v wire.Value) bool {
	return v.Kind == wire.Null || v.Kind == wire.List && len(v.List) == 0 || v.Kind == wire.Object && len(v.Fields) == 0
}

// is gives a reader of what only has to be of one kind.
func (d *decoder) is(k wire.Kind) func(wire.Value, string) {
	return func(v wire.Value, at string) { d.Want(v, at, k) }
}

// text gives a reader that keeps a string.
func (d *decoder) text(into *string) func(wire.Value, string) {
	return func(v wire.Value, at string) {
		if d.Want(v, at, wire.String) {
			*into = v.Text
		}
	}
}

// flag gives a reader that keeps a boolean.
func (d *decoder) flag(into *bool) func(wire.Value, string) {
	return func(v wire.Value, at string) { *into = d.Bool(v, at) }
}

// float gives a reader that keeps a number in a range.
func (d *decoder) float(into **float64, low, high float64) func(wire.Value, string) {
	return func(v wire.Value, at string) { *into = d.Float(v, at, low, high) }
}

// list gives the values of a list with low to high of them.
func (d *decoder) list(v wire.Value, at, what string, low, high int) []wire.Value {
	if !d.Want(v, at, wire.List) {
		return nil
	}
	if n := len(v.List); n < low || n > high {
		d.Fail(at, wire.Invalid, "%s holds %d %s; send between %d and %d.", at, n, what, low, high)
		return nil
	}
	return v.List
}

// kind gives what an object says it is; empty where it says nothing readable.
func kind(v wire.Value) string {
	for _, f := range v.Fields {
		if f.Name == "type" && f.Value.Kind == wire.String {
			return f.Value.Text
		}
	}
	return ""
}

func index(at string, i int) string { return at + "[" + strconv.Itoa(i) + "]" }

// texts gives a string, or those in a list, with the place of each.
func (d *decoder) texts(v wire.Value, at, what string, most int) (out []wire.Value, places []string) {
	switch v.Kind {
	case wire.String:
		return []wire.Value{v}, []string{at}
	case wire.List:
	default:
		d.Fail(at, wire.Invalid, "%s is %s; send a string or a list of %s.", at, v.Kind, what)
		return nil, nil
	}
	// Numbers of tokens would pass by the place where control tokens are broken.
	for _, e := range v.List {
		if e.Kind == wire.Number || e.Kind == wire.List {
			d.Fail(at, wire.Unsupported, "%s holds token numbers, which are not supported. Send texts.", at)
			return nil, nil
		}
	}
	for i, e := range d.list(v, at, what, 1, most) {
		out, places = append(out, e), append(places, index(at, i))
	}
	return out, places
}
