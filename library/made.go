package library

import (
	"context"
	"crypto/sha256"
	"errors"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"abaton.local/library/chunk"
	"abaton.local/library/parse"
	"abaton.local/vault"
)

// Verdict says what became of a file.
type Verdict string

// The verdicts.
const (
	Added     Verdict = "added"
	Changed   Verdict = "changed"   // it takes the place of what was there from the same path
	Unchanged Verdict = "unchanged" // it is there already, byte by byte
	Refused   Verdict = "refused"   // nothing of it is kept; what was there from the same path stays
)

// Outcome is what became of a file, and of those in it.
type Outcome struct {
	Verdict  Verdict
	Why      string // of one that was refused
	Document Document
	Within   []Outcome
}

// made is a document that is ready to be kept.
type made struct {
	Document
	leaves []leaf
	within []*made
	inside []Outcome // of those in it that were refused
}

// reading makes documents of one file.
type reading struct {
	ctx   context.Context
	parse Parser
	quick bool
	now   time.Time
	count int // documents that may yet lie in it
	bytes int // and their bytes
	text  int // bytes that may yet be found in all of them
	over  bool
}

// What is found in a file and all that lies in it is held at once until it is
// kept. A record takes room beside its text.
const (
	mostText  = 256 << 20
	perRecord = 128
)

// maxDepth is in how many containers a document may lie.
const maxDepth = 4

// make reads a document and what lies in it. A *parse.RefusedError says why
// nothing of it can be kept.
func (r *reading) make(name, from string, data []byte, depth int) (*made, error) {
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, &parse.RefusedError{Why: parse.TooDeep}
	}
	got, err := r.parse(r.ctx, parse.Source{Name: name, Data: data, Depth: depth, Quick: r.quick})
	if err != nil {
		return nil, err
	}
	for _, x := range got.Records {
		r.text -= len(x.Text) + perRecord
	}
	if r.text < 0 {
		return nil, &parse.RefusedError{Why: parse.TooMuchFound}
	}
	m := &made{Document: Document{
		ID: vault.NewID(), Name: shown(name), Path: from, Format: string(got.Format), Sum: sha256.Sum256(data), Size: int64(len(data)), Added: r.now,
		Hidden: got.Hidden, Unseen: got.Stripped.Control + got.Stripped.Unseen + got.Stripped.Bidi + got.Stripped.Tags + got.Stripped.Private,
	}}
	for _, c := range got.Cuts {
		m.Missing = append(m.Missing, c.String())
	}
	if err := m.cut(got.Records); err != nil {
		return nil, err
	}
	for _, c := range got.Children {
		if err := r.child(m, c, depth+1); err != nil {
			return nil, err
		}
	}
	if len(m.leaves) == 0 && len(m.within) == 0 {
		why := parse.Empty
		if len(got.Cuts) > 0 {
			why = got.Cuts[0].Why
		}
		return m, &parse.RefusedError{Why: why}
	}
	return m, nil
}

// child reads what lies in a document, as far as one may hold.
func (r *reading) child(in *made, c parse.Child, depth int) error {
	if r.count--; r.count < 0 || len(c.Data) > r.bytes || r.text < 0 {
		why := parse.TooManyParts
		if r.text < 0 {
			why = parse.TooMuchFound
		}
		if !r.over {
			r.over = true
			in.Missing = append(in.Missing, why.String())
		}
		return nil
	}
	r.bytes -= len(c.Data)
	m, err := r.make(path.Base(c.Name), c.Name, c.Data, depth)
	if refused, ok := errors.AsType[*parse.RefusedError](err); ok {
		o := Outcome{Verdict: Refused, Why: refused.Why.String(), Document: Document{Name: shown(c.Name)}}
		if m != nil {
			o.Within = m.inside
		}
		in.inside = append(in.inside, o)
		return nil
	}
	if err != nil {
		return err
	}
	m.Name = shown(c.Name)
	in.within = append(in.within, m)
	return nil
}

// leafPassages is how many passages one record holds: what is read to show one.
const leafPassages = 32

// deepest is the lowest level that a heading may have: every passage keeps the
// whole path of headings above it, and a hostile document nests them without end.
const deepest = 9

// cut makes the passages. What its own program does not show is left out: who
// hides text in a document wants it read by a model and not by a person.
func (m *made) cut(records []parse.Record) error {
	var list []chunk.Record
	for _, r := range records {
		m.Pages = max(m.Pages, r.Page)
		if r.Flags&parse.Hidden != 0 {
			continue
		}
		list = append(list, chunk.Record{Page: r.Page, Kind: kindOf(r.Kind), Level: min(r.Level, deepest), Text: r.Text})
	}
	title := m.Name
	doc, err := chunk.Cut(title, list, chunk.Usual(), estimate)
	if err != nil {
		return err
	}
	m.Passages, m.Characters = len(doc.Passages), utf8.RuneCountInString(doc.Text)
	headings := make([]string, len(doc.Sections))
	for i, s := range doc.Sections {
		if s.Parent >= 0 && s.Parent < i {
			headings[i] = strings.TrimPrefix(headings[s.Parent]+" › "+shown(s.Title), " › ")
		}
	}
	at := 0
	for first := 0; first < len(doc.Passages); first += leafPassages {
		part := doc.Passages[first:min(first+leafPassages, len(doc.Passages))]
		f := leaf{First: first, Base: min(at, part[0].Start)}
		for _, p := range part {
			at = max(at, p.End)
		}
		if first+leafPassages >= len(doc.Passages) {
			at = len(doc.Text)
		}
		f.Text = doc.Text[f.Base:at]
		for _, p := range part {
			f.Passages = append(f.Passages, passage{p.Start - f.Base, p.End - f.Base, p.Page, p.LastPage, int(p.Kind), headings[p.Section], p.Lead})
		}
		m.leaves = append(m.leaves, f)
	}
	return nil
}

func kindOf(k parse.Kind) chunk.Kind {
	switch k {
	case parse.Heading:
		return chunk.Heading
	case parse.Table:
		return chunk.Table
	case parse.Code:
		return chunk.Code
	}
	return chunk.Prose
}

// estimate says how many tokens a text is at most for the usual embedding
// models, without asking one: three letters of the Latin alphabet make one, and
// every other character.
func estimate(text string) int {
	latin, other := 0, 0
	for _, r := range text {
		if r < 0x250 {
			latin++
		} else {
			other++
		}
	}
	return (latin+2)/3 + other
}

// all yields a document and those in it.
func (m *made) all(yield func(*made)) {
	yield(m)
	for _, x := range m.within {
		x.all(yield)
	}
}

// outcome tells what became of it.
func (m *made) outcome(v Verdict) Outcome {
	o := Outcome{Verdict: v, Document: m.Document}
	for _, x := range m.within {
		o.Within = append(o.Within, x.outcome(Added))
	}
	o.Within = append(o.Within, m.inside...)
	return o
}
