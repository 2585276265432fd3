package ollama

import (
	"cmp"
	"maps"
	"strconv"

	"abaton.local/api/wire"
)

// decoder keeps the first thing that is wrong, and whether a request tried to
// steer the engine's caches.
type decoder struct {
	wire.Reader
	forged bool
}

// fields are the known fields of an object, each with what reads it into a T.
type fields[T any] struct {
	place string // "", "options." or "messages[].": how hints name it
	read  map[string]func(d *decoder, into *T, v wire.Value, at string)
}

// with gives the fields of f and more.
func (f fields[T]) with(more map[string]func(d *decoder, into *T, v wire.Value, at string)) fields[T] {
	all := maps.Clone(f.read)
	maps.Copy(all, more)
	return fields[T]{f.place, all}
}

// forgeries are the engine's own controls of what it keeps between requests.
// They are taken off: a person's worker is theirs alone whatever they say.
var forgeries = map[string]bool{"id_slot": true, "slot_id": true, "cache_prompt": true, "cache_salt": true, "n_cache_reuse": true}

// object reads an object field by field. Null means "left out" everywhere in this
// dialect. Ollama itself drops unknown fields; here they are refused by name.
func object[T any](d *decoder, into *T, v wire.Value, at string, f fields[T]) {
	if !d.Want(v, cmp.Or(at, "the request"), wire.Object) {
		return
	}
	for _, field := range v.Fields {
		where := wire.Printable(field.Name)
		if at != "" {
			where = at + "." + where
		}
		read := f.read[field.Name]
		key := f.place + field.Name
		hint, hinted := hints[key]
		why, known := refused[key]
		switch v := field.Value; {
		case (f.place == "" || f.place == inEmbed || f.place == inOptions) && forgeries[field.Name]:
			d.forged = true
		case read == nil && !hinted && !known:
			d.Fail(where, wire.Unknown, "Unknown parameter %s%s. Check its spelling, or leave it out.", wire.Shown(field.Name), inside(at))
		case v.Kind == wire.Null:
		case read != nil:
			read(d, into, v, where)
		case hinted:
			if hint.kind != "" {
				d.Want(v, where, hint.kind)
			}
		case !saysNothing(v):
			d.Fail(where, wire.Unsupported, "%s is not supported: %s Leave %s out.", where, why, where)
		}
	}
}

func inside(at string) string {
	if at == "" {
		return ""
	}
	return " in " + at
}

// saysNothing tells whether a value is what a client sends for "none".
func saysNothing(v wire.Value) bool {
	switch v.Kind {
	case wire.Bool:
		return !v.Truth
	case wire.Number:
		x, err := strconv.ParseFloat(v.Text, 64)
		return err == nil && x == 0
	case wire.String:
		return v.Text == ""
	}
	return len(v.List) == 0 && len(v.Fields) == 0
}

// text reads a string, whatever is in it.
func (d *decoder) text(v wire.Value, at string) string {
	d.Want(v, at, wire.String)
	return v.Text
}

// item names one element of a list.
func item(at string, i int) string { return at + "[" + strconv.Itoa(i) + "]" }
