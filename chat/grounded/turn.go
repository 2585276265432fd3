package grounded

import (
	"slices"
	"strings"

	"abaton.local/library"
	"abaton.local/library/parse"
	"abaton.local/vault"
)

// Label says how far something that was read is to be trusted, the most trusted
// first. It only ever grows: what is made of two things has the label of the less
// trusted one.
type Label uint8

// The labels.
const (
	User    Label = iota // what the person said
	Library              // a document of the person's own
	Mail                 // what others sent
	Web                  // a page of the web, kept
)

func (l Label) String() string {
	switch l {
	case User:
		return "the person"
	case Library:
		return "own document"
	case Mail:
		return "mail"
	}
	return "web page"
}

// Can is something that an answer may do beside being shown.
type Can uint8

// What there is. Search is to look for passages, in the libraries that the person
// chose; Elsewhere in others.
const (
	Net Can = iota
	Write
	Send
	Run
	Remember
	Search
	Elsewhere

	cans = iota
)

// Turn is what one answer may do. What it may is fixed by the person's message,
// before any document is read; with the first that is read all of it goes, and
// nothing that is read or written brings any of it back.
type Turn struct {
	may   [cans]bool
	label Label
}

// Begin fixes what an answer may do.
func Begin(may ...Can) *Turn {
	t := &Turn{}
	for _, c := range may {
		t.may[c] = true
	}
	return t
}

// Read tells that something of a label is in the answer's sight from now on.
func (t *Turn) Read(l Label) {
	t.label = max(t.label, l)
	if l != User {
		t.may = [cans]bool{}
	}
}

// May says whether the answer may do something now.
func (t *Turn) May(c Can) bool { return int(c) < len(t.may) && t.may[c] }

// Label is that of the least trusted thing that was read.
func (t *Turn) Label() Label { return t.label }

// Origin is where a document came from.
type Origin struct {
	Sender string   // who a mail says that it is from; mails do not prove it
	In     []string // the mail or archive that it lay in, innermost first
	Label  Label
}

// String is for people: "own file", "mail that says it is from X", "in Y".
func (o Origin) String() string {
	what := "own file"
	switch {
	case o.Sender != "" && len(o.In) > 0:
		what = "came by mail that says it is from " + o.Sender
	case o.Sender != "":
		what = "mail that says it is from " + o.Sender
	case o.Label == Mail:
		what = "mail"
	case o.Label == Web:
		what = "web page"
	}
	if len(o.In) > 0 {
		what += ", in " + strings.Join(o.In, ", in ")
	}
	return what
}

// labelOf is the label of one document by itself.
func labelOf(d library.Document) Label {
	switch parse.Format(d.Format) {
	case parse.EML, parse.MBOX:
		return Mail
	case parse.HTML:
		return Web
	}
	return Library
}

// origin finds out where a document came from: what lay in a mail came with it.
func origin(d library.Document, document func(vault.ID) (library.Document, bool), sender func(library.Document) string) Origin {
	o := Origin{Label: labelOf(d)}
	if parse.Format(d.Format) == parse.EML {
		o.Sender = sender(d)
	}
	seen := []vault.ID{d.ID}
	for in, ok := document(d.Within); ok && !slices.Contains(seen, in.ID); in, ok = document(in.Within) {
		seen = append(seen, in.ID)
		o.In = append(o.In, in.Name)
		o.Label = max(o.Label, labelOf(in))
		if o.Sender == "" && parse.Format(in.Format) == parse.EML {
			o.Sender = sender(in)
		}
	}
	return o
}
