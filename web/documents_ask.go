package web

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"slices"
	"strings"

	"abaton.local/chat/grounded"
	"abaton.local/chat/history"
	"abaton.local/engine"
	"abaton.local/library"
	"abaton.local/vault"
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
	for x := range strings.FieldsSeq(strings.Join(r.PostForm["library"], " ")) { // one by one, or over the channel in one
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

// smallModel stands under every answer of one that its person asked all the same.
const smallModel = "You asked a small model all the same, and small models invent: hold each sentence against the passage that its number leads to."

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
	if out.Kind == grounded.NotFound && sources.WordsOnly != nil { // the page of documents says why
		r.Why += " It was looked for by words alone."
	}
	for _, c := range sources.Conflicts {
		r.Notes = append(r.Notes, conflictOf(sources, c))
	}
	if out.Cut {
		r.Notes = append(r.Notes, "The answer was cut off.")
	}
	if out.Small && out.Model != "" {
		r.Notes = append(r.Notes, smallModel)
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
