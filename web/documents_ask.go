package web

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"abaton.local/chat/grounded"
	"abaton.local/chat/history"
	"abaton.local/engine"
	"abaton.local/library"
	"abaton.local/vault"
	"abaton.local/web/markup"
)

// request is a question to documents.
type request struct {
	grounded.Question                    // from documents
	documents         *library.Libraries // nil: no document is read
}

var errLibrariesGone = errors.New("the libraries in which this conversation looks are gone: choose others, or none")

// chosen are the libraries that a form names; false where it says nothing of them.
func chosen(r *http.Request) (ids []vault.ID, said bool, err error) {
	media, _, merr := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if merr != nil || media != "application/x-www-form-urlencoded" || r.ParseForm() != nil || r.PostForm.Get("libraries") == "" {
		return nil, false, nil
	}
	for _, x := range r.PostForm["library"] {
		id, err := vault.ParseID(x)
		if err != nil {
			return nil, false, library.ErrNoLibrary
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, true, nil
}

// looksIn makes the libraries that a form names those of its conversation.
func (p *Pages) looksIn(v visit, h book, id vault.ID) error {
	ids, said, err := chosen(v.r)
	if err != nil || !said {
		return err
	}
	c, _, err := h.Tree(v.r.Context(), id)
	if c.ID != id {
		return err
	}
	if slices.Equal(c.Libraries, ids) {
		return nil
	}
	_, err = h.Change(v.r.Context(), id, history.Change{Libraries: &ids})
	return err
}

// choice is a library that can be chosen for a conversation.
type choice struct {
	ID, Name string
	Chosen   bool
}

// librariesToChoose are those of a person, with those that a conversation looks in.
func (p *Pages) librariesToChoose(v visit, in []vault.ID) (list []choice) {
	if p.Documents == nil {
		return nil
	}
	l, err := p.Documents.Of(v.r.Context(), v.s)
	if err != nil {
		return nil // the page of documents says what is wrong
	}
	all, err := l.List()
	if err != nil {
		return nil
	}
	for _, x := range all {
		if !x.Damaged {
			list = append(list, choice{x.ID.String(), x.Name, slices.Contains(in, x.ID)})
		}
	}
	return list
}

// readingOf makes a question to documents of a conversation that looks in some:
// only what the person said is ever looked for.
func (p *Pages) readingOf(ctx context.Context, s vault.Session, c history.Conversation, turns []history.Turn, model string) (q request, err error) {
	if len(c.Libraries) == 0 || p.Documents == nil {
		return q, nil
	}
	n := len(turns)
	if n == 0 || turns[n-1].Role != history.User {
		return q, errNothing
	}
	if q.documents, err = p.Documents.Of(ctx, s); err != nil {
		return q, err
	}
	list, err := q.documents.List()
	if err != nil {
		return q, err
	}
	for _, id := range c.Libraries {
		if slices.ContainsFunc(list, func(x library.Library) bool { return x.ID == id }) {
			q.Libraries = append(q.Libraries, id)
		}
	}
	if len(q.Libraries) == 0 {
		return q, errLibrariesGone
	}
	q.Text, q.Model = turns[n-1].Text, model
	if q.Model == "" {
		q.Model = c.Model
	}
	for _, t := range turns[:n-1] {
		if t.Role == history.User {
			q.Said = append(q.Said, t.Text)
		}
	}
	passport, err := p.Shelf.Default()
	if q.Model != "" {
		passport, err = p.Shelf.Find(q.Model)
	}
	if err != nil {
		return q, err
	}
	_, options := p.Manner(passport)
	q.Options = mannered(options, c.Manner)
	return q, nil
}

// read has an answer written from documents and keeps it, or what there is of it.
func (p *Pages) read(ctx context.Context, s vault.Session, h book, a *answer, q request) {
	var r history.Reading
	var out grounded.Outcome
	var sources grounded.Sources
	var failed error
	for e, err := range grounded.New(p.Chat).Answer(ctx, s, q.documents, q.Question) {
		if err == nil && !s.Unlocked() {
			err = vault.ErrLocked
		}
		if failed = err; err != nil {
			break
		}
		switch {
		case e.Sources != nil:
			sources = *e.Sources
		case e.Sentence != nil:
			x := sentenceOf(ctx, q.documents, sources, *e.Sentence)
			r.Sentences = append(r.Sentences, x)
			a.change(func() {
				if !a.gone {
					a.said = append(a.said, x.Text)
				}
			})
		case e.Outcome != nil:
			out = *e.Outcome
		}
	}
	a.mu.Lock()
	halted := a.halted
	a.mu.Unlock()
	end := ending{Finish: string(engine.Stopped), Model: out.Model, Prompt: out.Usage.PromptTokens, Answer: out.Usage.AnswerTokens, Read: true, Anew: true}
	switch {
	case halted || failed != nil && p.base.Err() != nil:
		end.Finish, failed = finishStopped, nil
	case failed != nil:
		end.Finish, end.Words = finishFailed, p.Words(failed)
		if f, is := errors.AsType[*engine.Fault](failed); is {
			p.Log.Warn("the engine failed", "kind", string(f.Kind), "detail", f.Detail)
		}
	}
	r.Kind, r.Why, r.Notes = string(out.Kind), out.Why, sources.Notes
	for _, c := range sources.Conflicts {
		r.Notes = append(r.Notes, conflictOf(sources, c))
	}
	if out.Cut {
		r.Notes = append(r.Notes, "The answer was cut off.")
	}
	if sources.Damage != nil {
		r.Notes = append(r.Notes, "A part of your documents cannot be read.")
	}
	r.Passages = passagesOf(sources, out.Kind)
	if out.Kind != "" || len(r.Sentences) > 0 {
		if r.Kind == "" {
			r.Kind = end.Finish
		}
		turn := history.Turn{Role: history.Assistant, Text: plainly(r), Model: out.Model, Finish: end.Finish, PromptTokens: end.Prompt, AnswerTokens: end.Answer, Read: &r}
		kept, err := keep(context.WithoutCancel(ctx), h, a, turn)
		if err != nil {
			end.Words = strings.TrimSpace("This answer could not be kept. " + p.Words(err))
		} else {
			end.Turn = kept[0].ID.String()
		}
	}
	p.conclude(s, a, end)
}

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
		p := history.Passage{Document: x.Document.ID, First: x.First, Past: max(x.Past, x.First+1), Name: x.Document.Name, Library: x.Library, Heading: x.Heading, Page: x.Page}
		for _, b := range x.Badges {
			p.Badges = append(p.Badges, string(b))
		}
		if x.Origin.Label != grounded.Library {
			p.Badges = append(p.Badges, x.Origin.String())
		}
		if kind != grounded.Answered && i < mostQuoted {
			p.Text = x.Text
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
	if p.Page > 0 {
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
	x := &readShown{Head: kinds[r.Kind], Why: r.Why, Notes: r.Notes, Answered: r.Kind == string(grounded.Answered)}
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
