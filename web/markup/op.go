package markup

import (
	"encoding/json"
	"unicode/utf8"
)

// Op is one thing that a page does to the tree it builds. It begins at the root,
// which the page has, with nothing in it. On the wire it is a short JSON array.
type Op struct {
	open  *element // ["o", tag, class, start]: begin an element where we are, and go into it
	text  string   // ["t", text]: add text where we are
	close bool     // ["c"]: go out of the element
	back  *place   // ["b", [child, …], kept]: go to a place, and drop all that comes after it
}

// place is between two children of an element.
type place struct {
	path []int // from the root, which child each time
	kept int   // children before it
}

// MarshalJSON writes it for the page.
func (o Op) MarshalJSON() ([]byte, error) {
	var list []any
	switch {
	case o.open != nil:
		list = []any{"o", o.open.tag}
		if o.open.class != "" || o.open.start != "" {
			list = append(list, o.open.class)
		}
		if o.open.start != "" {
			list = append(list, o.open.start)
		}
	case o.back != nil:
		path := o.back.path
		if path == nil {
			path = []int{}
		}
		list = []any{"b", path, o.back.kept}
	case o.close:
		list = []any{"c"}
	default:
		list = []any{"t", o.text}
	}
	return json.Marshal(list)
}

// change adds the operations that turn one tree into another, both of which begin
// after the first children of the root. Only what differs is built anew; text
// that grew at its end grows.
func change(ops []Op, was, is []event, first int) []Op {
	at := place{kept: first}
	i := 0
	for i < len(was) && i < len(is) && was[i] == is[i] {
		at.pass(is[i])
		i++
	}
	if i == len(was) && i == len(is) {
		return ops
	}
	rest := is[i:]
	grows := ""
	if i < len(was) && i < len(is) && was[i].kind == said && is[i].kind == said {
		if old, now := was[i].text, is[i].text; len(now) > len(old) && now[:len(old)] == old && utf8.RuneStart(now[len(old)]) {
			at.pass(is[i])
			grows, rest = now[len(old):], is[i+1:]
		}
	}
	if i < len(was) {
		ops = append(ops, Op{back: &at})
	}
	if grows != "" {
		ops = append(ops, Op{text: grows})
	}
	for _, e := range rest {
		switch e.kind {
		case opened:
			ops = append(ops, Op{open: &e.element})
		case said:
			ops = append(ops, Op{text: e.text})
		case closed:
			ops = append(ops, Op{close: true})
		}
	}
	return ops
}

// pass moves a place behind an event.
func (p *place) pass(e event) {
	switch e.kind {
	case opened:
		p.path, p.kept = append(p.path, p.kept), 0
	case said:
		p.kept++
	case closed:
		last := len(p.path) - 1
		p.kept, p.path = p.path[last]+1, p.path[:last]
	}
}
