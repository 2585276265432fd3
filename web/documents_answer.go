package web

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"abaton.local/chat/grounded"
	"abaton.local/chat/history"
	"abaton.local/library"
	"abaton.local/web/markup"
)

// mostQuoted is how many passages stand in an answer's place, word for word.
const mostQuoted = 3

// conflictOf says which passages say the same but for a number.
func conflictOf(s grounded.Sources, c grounded.Conflict) string {
	said := func(at grounded.At) string {
		if at.Passage < 1 || at.Passage > len(s.Passages) {
			return ""
		}
		text := s.Passages[at.Passage-1].Text
		if at.Start < 0 || at.End < at.Start || at.End > len(text) {
			return ""
		}
		return fmt.Sprintf("[%d] “%s”", at.Passage, strings.Join(strings.Fields(text[at.Start:at.End]), " "))
	}
	return "These say the same but for a number: " + said(c.A) + " and " + said(c.B) + "."
}

func passagesOf(s grounded.Sources, kind grounded.Kind) (list []history.Passage) {
	for i, x := range s.Passages {
		p := history.Passage{Document: x.Document.ID, First: x.First, Past: max(x.Past, x.First+1), Name: x.Document.Name, Library: x.Library, Heading: x.Heading}
		if p.At = x.Document.Place(x.Page); p.At != "" {
			p.Page = x.Page
		}
		for _, b := range x.Badges {
			p.Badges = append(p.Badges, string(b))
		}
		if x.Origin.Label != grounded.Library {
			p.Badges = append(p.Badges, x.Origin.String())
		}
		if kind != grounded.Answered && i < mostQuoted {
			p.Text = x.Shown()
		}
		list = append(list, p)
	}
	return list
}

// sentenceOf is a sentence as it is kept. Of each quotation it finds out in which
// passage of the document it begins.
func sentenceOf(ctx context.Context, l *library.Libraries, s grounded.Sources, x grounded.Sentence) history.Sentence {
	out := history.Sentence{Text: x.Text}
	if !x.Supported {
		out.Unsupported = x.Why
		if out.Unsupported == "" {
			out.Unsupported = "It is not supported."
		}
	}
	for _, q := range x.Quotes {
		if q.Passage < 1 || q.Passage > len(s.Passages) {
			continue
		}
		of := s.Passages[q.Passage-1]
		y := history.Quote{Passage: q.Passage, Place: of.First, Text: q.Text}
		if of.Past > of.First+1 {
			_, parts, _ := l.Parts(ctx, of.Document.ID, of.First, of.Past) // what cannot be read is not where it begins
			for _, part := range parts {
				if strings.Contains(part.Text, q.Text) {
					y.Place = part.Passage
					break
				}
			}
		}
		out.Quotes = append(out.Quotes, y)
	}
	return out
}

// Why an answer from documents has no model's words in it.
var kinds = map[string]string{
	string(grounded.NotFound):    "Not in your documents.",
	string(grounded.Unsupported): "Not supported by your documents.",
	string(grounded.Extractive):  "From your documents, word for word.",
	finishStopped:                "You stopped it here.",
	finishFailed:                 "It broke off here.",
}

// plainly is an answer as it is read without a page.
func plainly(r history.Reading) string {
	var b strings.Builder
	for _, s := range r.Sentences {
		b.WriteString(s.Text)
		for _, q := range s.Quotes {
			fmt.Fprintf(&b, " [%d]", q.Passage)
		}
		if s.Unsupported != "" {
			b.WriteString(" (not supported: " + s.Unsupported + ")")
		}
		b.WriteString("\n")
	}
	if head := strings.TrimSpace(kinds[r.Kind] + " " + r.Why); head != "" {
		b.WriteString(head + "\n")
	}
	for i, p := range r.Passages {
		fmt.Fprintf(&b, "\n[%d] %s", i+1, titleOf(p))
		if p.Heading != "" {
			b.WriteString(" › " + p.Heading)
		}
		b.WriteString("\n")
		if p.Text != "" {
			b.WriteString(p.Text + "\n")
		}
	}
	return strings.TrimSpace(b.String())
}

// titleOf names where a passage stands.
func titleOf(p history.Passage) string {
	switch {
	case p.At != "":
		return p.Name + ", " + p.At
	case p.Page > 0:
		return p.Name + ", page " + strconv.Itoa(p.Page)
	}
	return p.Name
}

// readShown is an answer from documents as the page shows it.
type readShown struct {
	Sentences []sentenceShown
	Head, Why string
	Notes     []string
	Quoted    []passageShown // in the answer's place
	Passages  []passageShown
	Answered  bool
	Extract   bool // no model was asked
}

type sentenceShown struct {
	history.Sentence
	Cites []passageShown
}

type passageShown struct {
	history.Passage
	N     int
	Place int // passage of the document
	Title string
}

func shownReading(r *history.Reading) *readShown {
	if r == nil || r.Kind == "" {
		return nil
	}
	x := &readShown{Head: kinds[r.Kind], Why: r.Why, Notes: r.Notes, Answered: r.Kind == string(grounded.Answered), Extract: r.Kind == string(grounded.Extractive)}
	for i, p := range r.Passages {
		y := passageShown{p, i + 1, p.First, markup.Clean(titleOf(p))}
		x.Passages = append(x.Passages, y)
		if p.Text != "" {
			x.Quoted = append(x.Quoted, y)
		}
	}
	for _, s := range r.Sentences {
		y := sentenceShown{Sentence: s}
		for _, q := range s.Quotes {
			c := x.Passages[q.Passage-1] // as the history has it, there is one
			c.Place = q.Place
			c.Text = q.Text
			y.Cites = append(y.Cites, c)
		}
		x.Sentences = append(x.Sentences, y)
	}
	return x
}
