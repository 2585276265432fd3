package markup

import (
	"slices"
	"strconv"
)

// kind of an event.
type kind byte

const (
	opened kind = iota + 1 // an element begins
	said                   // text
	closed                 // the element that began last, and has not ended, ends
)

// event is a step through a tree.
type event struct {
	kind    kind
	element element
	text    string
}

// element is one of few.
type element struct {
	tag, class string
	start      string // of an ordered list, a number, where it is not 1
}

// allowed is every element that there can be, with its classes; the page's script
// has the same list. Not one of them has an address.
var allowed = map[string][]string{
	"p": {""}, "h3": {""}, "h4": {""}, "h5": {""}, "h6": {""},
	"ul": {""}, "ol": {""}, "li": {""}, "blockquote": {""}, "hr": {""}, "br": {""},
	"em": {""}, "strong": {""}, "del": {""},
	"code": {"", "math"}, "pre": {"", "plain"},
	"div":   {"code", "table"},
	"span":  {"language", "link", "address", "image", "task", "keyword", "string", "comment", "number", "name", "added", "removed"},
	"table": {""}, "thead": {""}, "tbody": {""}, "tr": {""},
	"th": {"", "left", "center", "right"}, "td": {"", "left", "center", "right"},

	// Of MathML those that draw and do nothing else: none that links, acts, holds
	// foreign text or another picture.
	"math": {"", "block"}, "mrow": {""}, "mi": {"", "upright"}, "mn": {""}, "mo": {""}, "mtext": {""},
	"mfrac": {""}, "msqrt": {""}, "mroot": {""}, "msub": {""}, "msup": {""}, "msubsup": {""},
	"munder": {""}, "mover": {""}, "munderover": {""},
	"mtable": {"", "cases", "aligned"}, "mtr": {""}, "mtd": {""},
}

// directed elements find their direction in their own text.
func directed(tag string) bool {
	switch tag {
	case "p", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "table":
		return true
	}
	return false
}

// void elements have nothing in them.
func void(tag string) bool { return tag == "br" || tag == "hr" }

// opening makes the event that begins an element. One that is not on the list is
// a mistake in this package.
func opening(tag, class string) event {
	if classes, ok := allowed[tag]; !ok || !slices.Contains(classes, class) {
		panic("markup: no element " + strconv.Quote(tag+"."+class) + " is allowed")
	}
	return event{kind: opened, element: element{tag: tag, class: class}}
}

// plus adds an event. Texts that follow each other are one, as they are on a page.
func plus(list []event, e event) []event {
	if e.kind == said {
		if e.text == "" {
			return list
		}
		if n := len(list); n > 0 && list[n-1].kind == said {
			list[n-1].text += e.text
			return list
		}
	}
	return append(list, e)
}
