// Package chunk cuts a document into passages: what is found, handed to a model
// and quoted. A passage is a stretch of the document's text, never more than a
// model that embeds it can read, and never across a heading or the edge of a
// table or of code. It keeps where it comes from, and which section can be read
// for more.
//
// It knows nothing of formats, models or indexes: what a document holds and how
// long a text is for a model, its caller tells it.
package chunk

import (
	"errors"
	"strings"
)

// Kind is what a record of a document is.
type Kind uint8

const (
	Prose   Kind = iota // a paragraph, an item of a list
	Heading             // of the level given, 1 the highest
	Table               // a row a line, the names of the columns first
	Code
)

// Record is a part of a document that its format marks as one.
type Record struct {
	Page  int // from 1; 0 where the format has none
	Kind  Kind
	Level int // of a heading
	Text  string
}

// Document is a document cut up.
type Document struct {
	Text     string // of all records, parted by empty lines
	Sections []Section
	Passages []Passage // in the order of the text
}

// Section is what stands under a heading, down to the next of its level or a
// higher one. The first section of a document is the whole.
type Section struct {
	Parent      int // section it stands in; -1 for the whole
	Title       string
	Level       int // 0 for the whole
	Start, End  int // bytes of the document's text, its heading included
	First, Past int // passages
}

// Passage is a stretch of a document's text.
type Passage struct {
	Start, End     int // bytes of the document's text
	Page, LastPage int
	Kind           Kind   // Heading where nothing stands under one
	Section        int    // the innermost
	Lead           string // titles above it, and names of the columns of a table that was cut
	Tokens         int    // of lead and text, as they are embedded
}

// Limits are what passages must keep to, in tokens.
type Limits struct {
	Target int // a passage is filled up to here
	Cap    int // and never longer, its lead included
}

// Usual are the limits that fit models which read 512 tokens.
func Usual() Limits { return Limits{Target: 320, Cap: 480} }

// smallestCap is what leaves room for text beside a lead.
const smallestCap = 16

// errLimits is a mistake of the caller's.
var errLimits = errors.New("chunk: passages need a cap of at least 16 tokens, and a target between 1 and the cap")

// Count says how many tokens a text is for the model that is to read it. A
// passage is made to keep its cap by this count; it may be asked often.
type Count func(text string) int

// Searchable is what a passage is found and embedded by: where it stands, then
// what it says.
func (d *Document) Searchable(p Passage) string { return together(p.Lead, d.Text[p.Start:p.End]) }

func together(lead, text string) string {
	if lead == "" {
		return text
	}
	return lead + "\n" + text
}

// Cut makes passages of a document's records. The title, which may be empty, is
// where every lead begins.
func Cut(title string, records []Record, limits Limits, count Count) (*Document, error) {
	if limits.Cap < smallestCap || limits.Target < 1 || limits.Target > limits.Cap {
		return nil, errLimits
	}
	c := &cutter{
		limits: limits,
		count:  count,
		doc:    &Document{Sections: []Section{{Parent: -1, Title: line(title)}}},
	}
	places := c.lay(records)
	c.walk(records, places)
	return c.doc, nil
}

// line is a text on one line.
func line(s string) string { return strings.Join(strings.Fields(s), " ") }
