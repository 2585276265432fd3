package web

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"abaton.local/chat/history"
	"abaton.local/engine"
	"abaton.local/models"
	"abaton.local/vault"
)

// mannered is how a model is asked in a conversation that says something of it.
func mannered(o engine.Options, m history.Manner) engine.Options {
	if m.Temperature != nil {
		o.Temperature = m.Temperature
	}
	if m.TopP != nil {
		o.TopP = m.TopP
	}
	if m.MaxTokens > 0 {
		o.MaxTokens = m.MaxTokens
	}
	if m.Seed != nil {
		o.Seed = m.Seed
	}
	return o
}

var errNumber = errors.New("a field for a number holds something else: leave it empty, or type digits")

// mannerOf reads the fields of a form that say how a model is asked. An empty one
// says nothing.
func mannerOf(r *http.Request) (m history.Manner, err error) {
	number := func(name string) *float64 {
		text := strings.Replace(strings.TrimSpace(field(r, name)), ",", ".", 1)
		if text == "" || err != nil {
			return nil
		}
		var x float64
		if x, err = strconv.ParseFloat(text, 64); err != nil {
			err = errNumber
		}
		return &x
	}
	whole := func(name string) int64 {
		text := strings.TrimSpace(field(r, name))
		if text == "" || err != nil {
			return 0
		}
		var x int64
		if x, err = strconv.ParseInt(text, 10, 64); err != nil {
			err = errNumber
		}
		return x
	}
	m.Temperature, m.TopP = number("temperature"), number("top_p")
	m.MaxTokens, m.Context = int(whole("max_tokens")), int(whole("context"))
	if strings.TrimSpace(field(r, "seed")) != "" {
		m.Seed = new(whole("seed"))
	}
	if err == nil && !m.Valid() {
		err = history.ErrManner
	}
	return m, err
}

// asking is what the page shows on which it is said how a conversation is answered.
type asking struct {
	ID          string
	Instruction string
	Manner      history.Manner
	Most        int
}

// manner shows how a conversation is answered, to be changed.
func (p *Pages) manner(v visit) {
	h, id, ok := p.named(v)
	if !ok {
		return
	}
	x, err := p.framed(v, "chat")
	if err != nil {
		p.fail(v, err)
		return
	}
	c, _, err := h.Tree(v.r.Context(), id)
	if c.ID != id {
		p.fail(v, err)
		return
	}
	x.Open = id.String()
	x.Content = asking{id.String(), c.Instruction, c.Manner, history.MaxText}
	p.render(v.w, v.r, http.StatusOK, "manner", x)
}

// mannerSaid changes it, from the next answer on.
func (p *Pages) mannerSaid(v visit) {
	h, id, ok := p.named(v)
	if !ok {
		return
	}
	m, err := mannerOf(v.r)
	if err == nil {
		_, err = h.Change(v.r.Context(), id, history.Change{Instruction: new(strings.TrimSpace(typed(v.r, "instruction"))), Manner: &m})
	}
	if err != nil {
		p.fail(v, err)
		return
	}
	p.lead(v, "/page/c/"+id.String())
}

// pin puts a conversation at the top of the list, or takes it from there.
func (p *Pages) pin(v visit) {
	b, id, ok := p.named(v)
	if !ok {
		return
	}
	h, ok := b.(*history.History)
	if !ok {
		p.problem(v, http.StatusConflict, "A temporary conversation is not kept, so it cannot be pinned.")
		return
	}
	if _, err := h.Change(v.r.Context(), id, history.Change{Pinned: new(field(v.r, "pinned") != "")}); err != nil {
		p.fail(v, err)
		return
	}
	p.lead(v, "/page/c/"+id.String())
}

// fill is how much of what a model can look at was taken by an answer and all that
// it answered, as the engine counted.
type fill struct{ Taken, Of int }

// filled is that of the newest answer that was counted; zero: none was.
func (p *Pages) filled(c history.Conversation, turns []history.Turn) fill {
	for i := len(turns) - 1; i >= 0; i-- {
		if t := turns[i]; t.Role == history.Assistant && t.PromptTokens > 0 {
			m, err := p.Shelf.Find(t.Model)
			if err != nil {
				return fill{} // its model is not here any more
			}
			return fill{t.PromptTokens + t.AnswerTokens, p.looksAt(c.Manner.Context, m)}
		}
	}
	return fill{}
}

// looksAt is how many tokens a model looks at in a conversation that asks for so
// many.
func (p *Pages) looksAt(asked int, m models.Passport) int {
	most := int(min(m.ContextLength, mostTokens))
	return min(max(p.usual(m, most), asked), most)
}

// usual is how many tokens a model looks at here where nobody asks for more. The
// header of a model's file is read for it once.
func (p *Pages) usual(m models.Passport, most int) int {
	p.mu.Lock()
	here, known := p.looks[m.Digest]
	p.mu.Unlock()
	if known || p.Weigh == nil {
		return cmp.Or(here, most)
	}
	w, err := p.Weigh(m)
	if err != nil || w.Context <= 0 {
		return most
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looks[m.Digest] = w.Context
	return w.Context
}

// partOf is the conversation and the turn that a path names. The turn may be
// missing.
func partOf(rest string) (conversation string, turn vault.ID, err error) {
	conversation, second, has := strings.Cut(rest, "/")
	if has {
		turn, err = vault.ParseID(second)
	}
	return conversation, turn, err
}
