package engine

import (
	"bytes"
	"encoding/json"
	"slices"
)

// tree is a JSON value whose members keep their order: of a schema it is the order
// of the answer.
type tree struct {
	value   any // json.Number, string, bool or nil, where it is neither an object nor a list
	object  bool
	list    bool
	members []entry
	items   []tree
}

type entry struct {
	key   string
	value tree
}

// plant makes a tree of a document.
func (d *document) plant() tree {
	at := 0
	var value func() tree
	value = func() tree {
		t := d.tokens[at]
		at++
		switch t.value {
		case json.Delim('{'):
			o := tree{object: true}
			for d.tokens[at].value != json.Delim('}') {
				key := d.tokens[at].text
				at++
				o.members = append(o.members, entry{key, value()})
			}
			at++
			return o
		case json.Delim('['):
			l := tree{list: true}
			for d.tokens[at].value != json.Delim(']') {
				l.items = append(l.items, value())
			}
			at++
			return l
		}
		if t.kind != noString {
			return tree{value: t.text}
		}
		return tree{value: t.value}
	}
	return value()
}

// bytes writes the tree down.
func (t tree) bytes() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	t.write(&b, enc)
	return b.Bytes()
}

func (t tree) write(b *bytes.Buffer, enc *json.Encoder) {
	plain := func(v any) {
		_ = enc.Encode(v)       // of a string, a number and a truth it knows no error
		b.Truncate(b.Len() - 1) // the encoder ends with a line
	}
	switch {
	case t.object:
		b.WriteByte('{')
		for i, m := range t.members {
			if i > 0 {
				b.WriteByte(',')
			}
			plain(m.key)
			b.WriteByte(':')
			m.value.write(b, enc)
		}
		b.WriteByte('}')
	case t.list:
		b.WriteByte('[')
		for i, item := range t.items {
			if i > 0 {
				b.WriteByte(',')
			}
			item.write(b, enc)
		}
		b.WriteByte(']')
	default:
		plain(t.value)
	}
}

// get gives a member of an object.
func (t tree) get(key string) (tree, bool) {
	i := slices.IndexFunc(t.members, func(m entry) bool { return m.key == key })
	if i < 0 {
		return tree{}, false
	}
	return t.members[i].value, true
}

func (t tree) has(key string) bool { _, ok := t.get(key); return ok }

// text gives a member that is a string.
func (t tree) text(key string) string {
	v, _ := t.get(key)
	s, _ := v.value.(string)
	return s
}

// set puts a member in the place of the one of its name, or at the end.
func (t *tree) set(key string, value tree) {
	i := slices.IndexFunc(t.members, func(m entry) bool { return m.key == key })
	if i < 0 {
		t.members = append(t.members, entry{key, value})
		return
	}
	t.members[i].value = value
}

func (t *tree) drop(keys ...string) {
	t.members = slices.DeleteFunc(t.members, func(m entry) bool { return slices.Contains(keys, m.key) })
}
