package web

import (
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"abaton.local/chat/history"
	"abaton.local/vault"
)

// editing is what the page shows on which a question is changed.
type editing struct {
	ID, Turn string
	Text     string
	Dir      string // from where it is read
	Most     int
	Fleeting bool
}

// long is how many bytes a text in a field has of which a browser is told the
// direction. Looking for it line by line, Chromium stands still over a megabyte for
// ten seconds. The page's script does so with what is pasted.
const long = 20_000

// direction is that of a text in a field.
func direction(text string) string {
	if len(text) < long {
		return "auto"
	}
	at := strings.IndexFunc(text, unicode.IsLetter)
	if at < 0 {
		return "ltr"
	}
	switch r, _ := utf8.DecodeRuneInString(text[at:]); {
	case r >= 0x590 && r < 0x900, r >= 0xfb1d && r < 0xfe00, r >= 0xfe70 && r <= 0xfefc:
		return "rtl"
	}
	return "ltr"
}

// turnOf finds a turn by a path: the conversation and the turn.
func (p *Pages) turnOf(v visit) (in book, id vault.ID, t history.Turn, ok bool) {
	first, second, _ := strings.Cut(v.rest, "/")
	v.rest = first
	if in, id, ok = p.named(v); !ok {
		return nil, id, t, false
	}
	c, tree, err := in.Tree(v.r.Context(), id)
	if c.ID != id {
		p.fail(v, err)
		return nil, id, t, false
	}
	all := tree.All()
	at := slices.IndexFunc(all, func(t history.Turn) bool { return t.ID.String() == second })
	if at < 0 {
		p.problem(v, http.StatusNotFound, "There is no such place in this conversation. It may have been removed before.")
		return nil, id, t, false
	}
	return in, id, all[at], true
}

// questionOf finds a question by a path.
func (p *Pages) questionOf(v visit) (in book, id vault.ID, t history.Turn, ok bool) {
	if in, id, t, ok = p.turnOf(v); ok && t.Role != history.User {
		p.problem(v, http.StatusNotFound, "Only what you asked yourself can be changed.")
		return nil, id, t, false
	}
	return in, id, t, ok
}

// edit shows a question to be changed.
func (p *Pages) edit(v visit) {
	in, id, turn, ok := p.questionOf(v)
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
	x.Content = editing{ID: id.String(), Turn: turn.ID.String(), Text: turn.Text, Dir: direction(turn.Text), Most: history.MaxText, Fleeting: fleeting}
	p.render(v.w, v.r, http.StatusOK, "edit", x)
}

// edited puts another question beside one, and has it answered. What was asked and
// said before stays, as another version.
func (p *Pages) edited(v visit) {
	in, id, turn, ok := p.questionOf(v)
	if !ok {
		return
	}
	text, err := p.question(v)
	if err == nil {
		err = p.answer(v, in, id, wish{model: field(v.r, "model"), through: turn.ID, instead: turn.ID, text: text})
	}
	p.asked(v, id, err)
}

// drop removes a version and all that was said after it. Of that no word stays, in
// no engine's snapshot either.
func (p *Pages) drop(v visit) {
	in, id, turn, ok := p.turnOf(v)
	if !ok {
		return
	}
	_, tree, err := in.Tree(v.r.Context(), id)
	if err == nil && len(tree.Versions(turn.ID)) < 2 {
		p.problem(v, http.StatusConflict, "This is the only version. Delete the conversation, if it shall go.")
		return
	}
	if err == nil {
		err = p.alone(v.s, id, func() error {
			if err := p.unread(v, in); err != nil {
				return err
			}
			_, err := in.Replace(v.r.Context(), id, turn.ID)
			return err
		})
	}
	if err != nil {
		p.fail(v, err)
		return
	}
	p.lead(v, "/page/c/"+id.String())
}

// alone does something to a conversation while no answer is written in it, and none
// can begin. What has just been answered there is not told to a late page any more.
func (p *Pages) alone(s vault.Session, id vault.ID, act func() error) error {
	past := p.newest(s, id)
	held := &answer{person: s.Person, id: id, cancel: func() {}, ended: make(chan struct{}), changed: make(chan struct{})}
	if err := p.enlist(held); err != nil {
		return err
	}
	defer p.strike(held)
	defer close(held.ended)
	if past != nil {
		past.forget()
	}
	return act()
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
	fromDocuments := t.Read != nil && t.Read.Kind != "" // it is made anew instead
	return t.Role == history.Assistant && t.Text != "" && !fromDocuments && (t.Finish == "length" || t.Finish == finishStopped || t.Finish == finishFailed)
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
	after, err := afterOf(v.r)
	if err == nil && p.shows(v) {
		err = errChannel
	}
	if err != nil {
		p.asked(v, id, err)
		return
	}
	c, tree, err := in.Tree(v.r.Context(), id)
	turns := tree.Branch(after)
	if n := len(turns); c.ID == id && (n == 0 || !broken(turns[n-1])) {
		p.problem(v, http.StatusConflict, "The last answer here is complete: there is nothing to go on with.")
		return
	} else if c.ID == id {
		err = p.answer(v, in, id, wish{model: turns[n-1].Model, through: turns[n-1].ID})
	}
	p.asked(v, id, err)
}
