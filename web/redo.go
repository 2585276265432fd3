package web

import (
	"net/http"
	"slices"
	"strings"

	"abaton.local/chat/history"
	"abaton.local/vault"
)

// editing is what the page shows on which a question is changed.
type editing struct {
	ID, Turn string
	Text     string
	After    int // turns that go
	Most     int
	Fleeting bool
}

// questionOf finds a question by a path: the conversation and the turn.
func (p *Pages) questionOf(v visit) (in book, id vault.ID, turns []history.Turn, at int, ok bool) {
	first, second, _ := strings.Cut(v.rest, "/")
	v.rest = first
	if in, id, ok = p.named(v); !ok {
		return nil, id, nil, 0, false
	}
	c, turns, err := in.Show(v.r.Context(), id)
	if c.ID != id {
		p.fail(v, err)
		return nil, id, nil, 0, false
	}
	at = slices.IndexFunc(turns, func(t history.Turn) bool { return t.ID.String() == second && t.Role == history.User })
	if at < 0 {
		p.problem(v, http.StatusNotFound, "There is no such question in this conversation. It may have been changed before.")
		return nil, id, nil, 0, false
	}
	return in, id, turns, at, true
}

// edit shows a question to be changed.
func (p *Pages) edit(v visit) {
	in, id, turns, at, ok := p.questionOf(v)
	if !ok {
		return
	}
	x, err := p.framed(v, "chat")
	if err != nil {
		p.fail(v, err)
		return
	}
	_, fleeting := in.(briefly)
	x.Open = id.String()
	x.Content = editing{ID: id.String(), Turn: turns[at].ID.String(), Text: turns[at].Text, After: len(turns) - at - 1, Most: history.MaxText, Fleeting: fleeting}
	p.render(v.w, v.r, http.StatusOK, "edit", x)
}

// edited puts another question in the place of one and of all that came after it,
// and has it answered. Of what is replaced no word stays, in no engine's snapshot
// either.
func (p *Pages) edited(v visit) {
	in, id, turns, at, ok := p.questionOf(v)
	if !ok {
		return
	}
	text, err := p.question(v)
	if err == nil && p.writing(v.s, id) != nil {
		err = errWriting
	}
	if err == nil {
		err = p.unread(v, in)
	}
	if err == nil {
		_, err = in.Replace(v.r.Context(), id, turns[at].ID, history.Turn{Role: history.User, Text: text})
	}
	if err == nil {
		err = p.answer(v, in, id, field(v.r, "model"), false)
	}
	p.asked(v, id, err)
}

// unread sees to it that no engine's snapshot keeps what goes. Of a temporary
// conversation there is none.
func (p *Pages) unread(v visit, in book) error {
	if _, fleeting := in.(briefly); fleeting {
		return nil
	}
	return p.Unread(v.r.Context(), v.s)
}

// broken tells of an answer that it did not end by itself, and can be gone on with.
func broken(t history.Turn) bool {
	return t.Role == history.Assistant && t.Text != "" && (t.Finish == "length" || t.Finish == finishStopped || t.Finish == finishFailed)
}

// goOn has an answer that broke off written on from there.
func (p *Pages) goOn(v visit) {
	in, id, ok := p.named(v)
	if !ok {
		return
	}
	if p.writing(v.s, id) != nil {
		p.asked(v, id, errWriting)
		return
	}
	c, turns, err := in.Show(v.r.Context(), id)
	if n := len(turns); c.ID == id && (n == 0 || !broken(turns[n-1])) {
		p.problem(v, http.StatusConflict, "The last answer here is complete: there is nothing to go on with.")
		return
	} else if c.ID == id {
		err = p.answer(v, in, id, turns[n-1].Model, false)
	}
	p.asked(v, id, err)
}
