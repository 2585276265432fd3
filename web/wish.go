package web

import (
	"context"
	"errors"
	"slices"

	"abaton.local/chat"
	"abaton.local/chat/grounded"
	"abaton.local/chat/history"
	"abaton.local/vault"
)

// wish is what somebody wants to have answered in a conversation.
type wish struct {
	model   string
	through vault.ID // of what has several versions, those that lead through this turn; zero: to the newest
	anew    bool     // its last question is answered once more, beside the answer that it has
	instead vault.ID // the question beside which another one is put
	text    string   // of that
	small   bool     // by the model all the same, where it is smaller than is to be believed
}

var errBranch = errors.New("that place is not in this conversation any more: open it anew")

// answer begins to have a question answered.
func (p *Pages) answer(v visit, h book, id vault.ID, w wish) error {
	ctx, cancel := context.WithCancel(p.base)
	a := &answer{person: v.s.Person, id: id, cancel: cancel, ended: make(chan struct{}), changed: make(chan struct{})}
	// Before anything of the conversation is read: who deletes it finds whoever has.
	if err := p.enlist(a); err != nil {
		cancel()
		return err
	}
	ask, q, err := p.prepare(v, h, a, w)
	if err != nil {
		cancel()
		close(a.ended)
		p.strike(a)
		return err
	}
	p.working.Go(func() {
		defer cancel()
		defer v.s.Busy()()
		if q.documents != nil {
			p.read(ctx, v.s, h, a, q)
			return
		}
		p.write(ctx, v.s, h, a, ask)
	})
	return nil
}

// prepare makes the question. Nothing is written before all else was found to be
// right: who asks differently where it cannot be done has lost nothing, and nothing
// stands there that nobody will answer.
func (p *Pages) prepare(v visit, h book, a *answer, w wish) (ask chat.Ask, q request, err error) {
	c, tree, err := h.Tree(v.r.Context(), a.id)
	if c.ID != a.id {
		return ask, q, err
	}
	turns := tree.Branch(w.through)
	if w.through != (vault.ID{}) && len(turns) == 0 {
		return ask, q, errBranch
	}
	if n := len(turns); w.anew && n > 0 && turns[n-1].Role == history.Assistant {
		turns = turns[:n-1]
	}
	before := a.id
	if w.instead != (vault.ID{}) {
		at := slices.IndexFunc(turns, func(t history.Turn) bool { return t.ID == w.instead })
		if at < 0 {
			return ask, q, errBranch
		}
		if x, ok := tree.Before(w.instead); ok {
			before = x.ID
		}
		turns = append(turns[:at:at], history.Turn{Role: history.User, Text: w.text})
	}
	if q, err = p.readingOf(v.r.Context(), v.s, c, turns, w.model); err != nil {
		return ask, q, err
	}
	if w.small {
		q.Way = grounded.Generate
	}
	if q.documents == nil {
		ask, err = p.askOf(c, turns, w.model)
	}
	if err != nil {
		return ask, q, err
	}
	a.reads = q.documents != nil || slices.ContainsFunc(turns, func(t history.Turn) bool { return t.Read != nil })
	_, ask.Fleeting = h.(briefly)
	last := &turns[len(turns)-1]
	if w.instead != (vault.ID{}) {
		kept, err := h.Add(v.r.Context(), a.id, before, *last)
		if err != nil {
			return ask, q, err
		}
		*last = kept[0]
	}
	a.change(func() {
		a.to = last.ID
		if broken(*last) { // askOf found its question before it
			a.to, a.of = turns[len(turns)-2].ID, *last
			a.text.WriteString(a.of.Text)
		}
	})
	return ask, q, nil
}

// keep puts an answer behind its question, or in the place of its own beginning.
func keep(ctx context.Context, h book, a *answer, t history.Turn) ([]history.Turn, error) {
	to, of := a.place()
	if of.ID == (vault.ID{}) {
		return h.Add(ctx, a.id, to, t)
	}
	return h.Replace(ctx, a.id, of.ID, t)
}
