package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"abaton.local/chat"
	"abaton.local/chat/history"
	"abaton.local/engine"
	"abaton.local/vault"
)

// Why an answer ended that its model did not end.
const (
	finishStopped = "interrupted" // by the person
	finishFailed  = "failed"
)

// mostWriting bounds the answers that one person may have written at one time.
const mostWriting = 4

var (
	errWriting = errors.New("an answer is being written here: wait until it ends, or stop it")
	errCrowded = errors.New("four answers are being written for you: wait until one ends, or stop it")
)

// answer is one that is being written. It belongs to a person's conversation and
// not to a request: who closes the page finds it when they come back.
type answer struct {
	person vault.PersonID
	id     vault.ID
	cancel context.CancelFunc
	ended  chan struct{} // closed once what there is of it is kept

	mu      sync.Mutex
	text    strings.Builder // guarded by mu
	to      vault.ID        // the question; zero: not known yet; guarded by mu
	of      history.Turn    // that broke off and is written on; zero: it begins; guarded by mu
	thinks  bool            // the model thinks before it answers; guarded by mu
	end     *ending         // nil until it ends; guarded by mu
	halted  bool            // by the person; guarded by mu
	said    []string        // sentences from documents; guarded by mu
	reads   bool            // documents, or it goes on from an answer that did; set before it begins
	gone    bool            // its person's vault has locked: no word of it is here any more; guarded by mu
	changed chan struct{}   // closed with the next change, and made anew; guarded by mu
}

// ending is how an answer ended.
type ending struct {
	Finish string `json:"finish"`
	Words  string `json:"words,omitempty"` // for the person, where it did not end by itself
	Model  string `json:"model,omitempty"`
	Prompt int    `json:"prompt,omitempty"` // tokens
	Answer int    `json:"answer,omitempty"`
	Turn   string `json:"turn,omitempty"` // as which it is kept
	// Context is how many tokens its model looks at.
	Context int `json:"context,omitempty"`
	// Read says that documents were in sight: no address of it is opened.
	Read bool `json:"read,omitempty"`
	// Anew says that the page has more of it than was told.
	Anew bool `json:"anew,omitempty"`
}

// seen is what there is of an answer from a byte on, and what to wait for.
func (a *answer) seen(from int) (text string, thinks bool, end *ending, changed <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return "", false, a.end, a.changed
	}
	return a.text.String()[from:], a.thinks, a.end, a.changed
}

// forget lets go of its words and ends it.
func (a *answer) forget() {
	a.cancel()
	a.change(func() {
		a.gone = true
		a.text.Reset()
		a.said = nil
	})
}

func (a *answer) change(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
	close(a.changed)
	a.changed = make(chan struct{})
}

// place is the question that it answers, and the turn that it goes on with.
func (a *answer) place() (to vault.ID, of history.Turn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.to, a.of
}

// halt ends it because its person wants so.
func (a *answer) halt() {
	a.mu.Lock()
	a.halted = true
	a.mu.Unlock()
	a.cancel()
}

// writing is the answer that is being written in a conversation of this person;
// nil: none.
func (p *Pages) writing(s vault.Session, id vault.ID) *answer {
	if a := p.newest(s, id); a != nil && !a.over() {
		return a
	}
	return nil
}

// newest is that answer, or one that has just ended: a page that asked for it may
// come for it a moment late.
func (p *Pages) newest(s vault.Session, id vault.ID) *answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.answers[id]; a != nil && a.person == s.Person {
		return a
	}
	return nil
}

// late is how long an answer is told to pages after it ended.
const late = 20 * time.Second

func (a *answer) over() bool {
	select {
	case <-a.ended:
		return true
	default:
		return false
	}
}

// strike takes an answer off the list.
func (p *Pages) strike(a *answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.answers[a.id] == a {
		delete(p.answers, a.id)
	}
}

// quit ends the answer of a conversation, or has one forgotten that has just
// ended. It tells whether there was one.
func (p *Pages) quit(s vault.Session, id vault.ID) bool {
	a := p.newest(s, id)
	if a == nil {
		return false
	}
	a.halt()
	<-a.ended
	p.strike(a)
	a.forget()
	return true
}

// Forget lets go of what is in memory of somebody whose vault has locked.
func (p *Pages) Forget(person vault.PersonID) {
	p.parcels.forget(person)
	p.briefs.sweep()
	p.mu.Lock()
	var theirs []*answer
	for id, a := range p.answers {
		if a.person == person {
			theirs = append(theirs, a)
			if a.over() {
				delete(p.answers, id)
			}
		}
	}
	p.mu.Unlock()
	for _, a := range theirs {
		a.forget()
	}
}

// enlist makes an answer the one of its conversation.
func (p *Pages) enlist(a *answer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.base.Err() != nil {
		return context.Canceled
	}
	if x := p.answers[a.id]; x != nil && !x.over() {
		return errWriting
	}
	n := 0
	for _, x := range p.answers {
		if x.person == a.person && !x.over() {
			n++
		}
	}
	if n >= mostWriting {
		return errCrowded
	}
	p.answers[a.id] = a
	return nil
}

// sentences are those that there are of an answer from documents, and what to wait
// for.
func (a *answer) sentences() (said []string, changed <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.said, a.changed
}

// write has an answer written and keeps it, or what there is of it. It stops when
// the vault locks: what comes after that is nobody's.
func (p *Pages) write(ctx context.Context, s vault.Session, h book, a *answer, ask chat.Ask) {
	var last chat.Event
	var failed error
	for e, err := range p.Chat.Answer(ctx, s, ask) {
		if err == nil && !s.Unlocked() {
			err = vault.ErrLocked
		}
		if failed = err; err != nil {
			break
		}
		last = e
		a.change(func() {
			if a.gone {
				return
			}
			a.text.WriteString(e.Text)
			a.thinks = a.thinks || e.Reasoning != "" && a.text.Len() == 0
			if e.Text != "" {
				a.thinks = false
			}
		})
	}
	end := ending{Finish: string(last.Finish), Model: last.Model, Prompt: last.Usage.PromptTokens, Answer: last.Usage.AnswerTokens, Read: a.reads}
	a.mu.Lock()
	text, halted, of := a.text.String(), a.halted, a.of
	a.mu.Unlock()
	switch {
	case halted || failed != nil && p.base.Err() != nil:
		end.Finish, failed = finishStopped, nil
	case failed != nil:
		end.Finish, end.Words = finishFailed, p.Words(failed)
		if f, is := errors.AsType[*engine.Fault](failed); is {
			p.Log.Warn("the engine failed", "kind", string(f.Kind), "detail", f.Detail)
		}
	default:
		end.Words = endings[end.Finish]
	}
	end.Answer += of.AnswerTokens
	if m, err := p.Shelf.Find(ask.Model); err == nil {
		end.Context = p.looksAt(ask.ContextTokens, m)
	}
	if of.PromptTokens > 0 { // what was written by then was read again as a part of the prompt
		end.Prompt = of.PromptTokens
	}
	if text != "" && (text != of.Text || end.Finish == string(engine.Stopped)) {
		text = string([]rune(text)) // each byte that is no character becomes U+FFFD, as on the page
		turn := history.Turn{Role: history.Assistant, Text: text, Model: ask.Model, Finish: end.Finish, PromptTokens: end.Prompt, AnswerTokens: end.Answer}
		if a.reads {
			turn.Read = &history.Reading{}
		}
		kept, err := keep(context.WithoutCancel(ctx), h, a, turn)
		if err != nil {
			end.Words = strings.TrimSpace("This answer could not be kept. " + p.Words(err))
		} else {
			end.Turn = kept[0].ID.String()
		}
	} else if of.ID != (vault.ID{}) {
		end.Turn = of.ID.String()
	}
	p.conclude(s, a, end)
}

// conclude ends an answer, of which is kept what is to be.
func (p *Pages) conclude(s vault.Session, a *answer, end ending) {
	close(a.ended) // first: who is told of the end may go on at once
	a.change(func() { a.end = &end })
	if !s.Unlocked() {
		p.strike(a)
		a.forget() // Forget finds it no more, and somebody may still be told it
		return
	}
	time.AfterFunc(late, func() { p.strike(a) })
}

// halt stops the answer of a conversation. What there is of it is kept.
func (p *Pages) halt(v visit) {
	_, id, ok := p.named(v)
	if !ok {
		return
	}
	if a := p.writing(v.s, id); a != nil {
		a.halt()
		<-a.ended
	}
	if script(v.r) {
		harden(v.w.Header())
		v.w.WriteHeader(http.StatusNoContent)
		return
	}
	p.lead(v, "/page/c/"+id.String())
}
