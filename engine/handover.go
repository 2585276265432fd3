package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"time"
	"unicode/utf8"
)

// How a slot becomes somebody else's. It is erased; the engine must say that it
// erased at least what is known to have been there. Then the beginning of what was
// there is asked for, of which the engine must know nothing, and that is erased as
// well; of everything that may be there, where a question did not come so far that
// the engine said it reads it. Whatever else happens, the worker is ended: nobody is served from a slot
// that was not seen to be empty.

const (
	emptyWithin = 10 * time.Second // for each who shares the processor
	headBytes   = 64               // of a prompt: several tokens of any vocabulary
	mostHeads   = 8                // that may be in one slot
)

// begins remembers how a prompt begins.
func (s *scrubber) begins(prompt string) {
	if len(prompt) > headBytes {
		prompt = prompt[:headBytes]
		for !utf8.ValidString(prompt) {
			prompt = prompt[:len(prompt)-1]
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.head = prompt
}

// anew is a scrubber of the same model that remembers nothing of any prompt.
func (s *scrubber) anew(c *client) *scrubber {
	return &scrubber{client: c, context: s.context, markers: s.markers, shown: s.shown, words: map[int]bool{}, own: map[[32]byte]map[int]int{}}
}

// handOver makes a slot that was taken for s theirs, and gives the worker as
// they see it.
func (e *Engine) handOver(ctx context.Context, l *loan, s *seat) (*worker, error) {
	e.mu.Lock()
	p := &l.of.slots.slots[l.slot]
	theirs := p.owner == s.key.person
	e.mu.Unlock()
	if !theirs {
		if err := e.empty(ctx, l.of, l.slot); err != nil {
			return nil, err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if ctx.Err() != nil { // Leave holds mu: nobody gets a slot behind its back
		return nil, ctx.Err()
	}
	if !theirs {
		c := newClient(func(ctx context.Context) (net.Conn, error) {
			return e.links.dial(ctx, l.of.proc.RunDir(), filepath.Base(socketInside))
		})
		if e.wire != nil {
			c.http.Transport = e.wire(s.key.person, c.http.Transport)
		}
		*p = slot{owner: s.key.person, busy: true, dirty: true, used: p.used, client: c, scrub: l.of.scrub.anew(c)}
		l.of.slots.been[s.key.person] = true
	}
	w := l.of
	return &worker{key: s.key, life: w.life, stop: w.stop, ready: w.ready, proc: w.proc, client: p.client, scrub: p.scrub, tools: w.tools, said: w.said,
		context: w.context, slots: w.slots, loan: l, gone: w.gone}, nil
}

// empty empties a slot that is marked busy. Where that fails for another reason
// than that the caller left, the worker is ended, and its end awaited.
func (e *Engine) empty(ctx context.Context, w *worker, at int) error {
	e.mu.Lock()
	p := w.slots.slots[at]
	e.mu.Unlock()
	if !p.dirty {
		return nil
	}
	leave, _ := e.join(w)
	defer leave()
	within, cancel := context.WithTimeout(ctx, emptyWithin*time.Duration(e.turns.share()))
	defer cancel()
	err := w.client.empty(within, at, p.heads, p.holds)
	e.mu.Lock()
	if err == nil {
		w.slots.slots[at] = slot{busy: true, used: p.used}
		e.mu.Unlock()
		return nil
	}
	w.slots.slots[at].holds = 0 // part of it may be done
	ended := w.life.Err() != nil
	if ctx.Err() == nil && !ended {
		w.slots.over = true
		w.stop(errUnclean)
	}
	e.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case ended:
		return w.broke(ctx, err)
	}
	<-w.gone
	e.cfg.Log.Warn("an engine that people share was ended, for a slot of it could not be emptied", "model", w.key.model, "why", snapshotWhy(err))
	if e.cfg.Unclean != nil {
		e.cfg.Unclean(w.key.model)
	}
	if w.fault == nil {
		return closing()
	}
	return w.fault
}

// emptySoon empties a slot that is nobody's any more, and that nobody uses. The
// caller holds mu.
func (e *Engine) emptySoon(w *worker, at int) {
	p := &w.slots.slots[at]
	if !p.dirty || w.life.Err() != nil {
		return
	}
	p.busy = true
	e.procs.Go(func() {
		err := e.empty(w.life, w, at)
		e.mu.Lock()
		defer e.mu.Unlock()
		if w.slots.slots[at].busy = false; err == nil && w.slots.over && w.slots.idle() {
			w.stop(errDone)
		}
		e.changed()
	})
}

// lentBegins steers a question that is about to be put to a lent slot, and
// remembers how it begins.
func (e *Engine) lentBegins(w *worker) steering {
	if w.loan == nil {
		return steering{}
	}
	w.scrub.mu.Lock()
	head := w.scrub.head
	w.scrub.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	at := &w.slots.slots[w.loan.slot]
	w.loan.anew = !at.asked
	at.holds = 0 // from here on what was there goes, or does not
	if !slices.Contains(at.heads, head) {
		if len(at.heads) == mostHeads {
			at.heads = slices.Delete(at.heads, 1, 2)
		}
		at.heads = append(at.heads, head)
	}
	return steering{w.loan.slot, w.loan.anew}
}

// lentReads notes that the engine reads a question in a lent slot: what it did not
// know of it is no more. One that is broken off before is as if it was never asked.
func (e *Engine) lentReads(w *worker) {
	if w.loan == nil {
		return
	}
	w.scrub.mu.Lock()
	head := w.scrub.head
	w.scrub.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	at := &w.slots.slots[w.loan.slot]
	at.asked, at.heads = true, []string{head}
}

// lentHeard notes what a lent slot holds after an answer: the last token of it
// was said and never read.
func (e *Engine) lentHeard(w *worker, u Usage) {
	if w.loan == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	w.slots.slots[w.loan.slot].holds = max(0, u.PromptTokens+u.AnswerTokens-1)
}

// mayKnow is how many tokens an engine may know when it is asked: those of its
// slot's owner. It is nil where the worker is one person's.
func (w *worker) mayKnow() *int {
	if w.loan == nil {
		return nil
	}
	if w.loan.anew {
		return new(0)
	}
	return new(w.context)
}

// uncleanSlot says how a slot was seen not to be empty.
type uncleanSlot struct{ why string }

func (u *uncleanSlot) Error() string { return u.why }

// empty empties a slot that holds so many tokens at least, of which the first
// are those of one of heads.
func (c *client) empty(ctx context.Context, slot int, heads []string, holds int) error {
	if err := c.erase(ctx, slot, holds); err != nil {
		return err
	}
	for _, head := range heads {
		if err := c.forgot(ctx, slot, head); err != nil {
			return err
		}
	}
	return nil
}

// forgot asks an empty slot for what was there, and leaves it empty.
func (c *client) forgot(ctx context.Context, slot int, head string) error {
	// The engine always reads the last token anew, so one more follows.
	body, err := json.Marshal(canary{Prompt: head + " 0", Slot: slot, CachePrompt: true})
	if err != nil {
		return err
	}
	var v struct {
		Slot    *int `json:"id_slot"`
		Timings *struct {
			Known *int `json:"cache_n"`
			Read  *int `json:"prompt_n"`
		} `json:"timings"`
	}
	if err := c.call(ctx, http.MethodPost, "/completion", body, &v); err != nil {
		return err
	}
	switch {
	case v.Slot == nil || *v.Slot != slot || v.Timings == nil || v.Timings.Known == nil || v.Timings.Read == nil:
		return &badReply{"no count of what a slot knew"}
	case *v.Timings.Known != 0:
		return &uncleanSlot{"a slot knew the beginning of what was erased"}
	case *v.Timings.Read < 1:
		return &uncleanSlot{"a slot had nothing to read of what was erased"}
	}
	return c.erase(ctx, slot, *v.Timings.Read)
}

// canary is the body of POST /completion: a text of which nothing is to be known,
// and no answer to it.
type canary struct {
	Prompt      string `json:"prompt"`
	Most        int    `json:"n_predict"`
	Slot        int    `json:"id_slot"`
	CachePrompt bool   `json:"cache_prompt"`
	Stream      bool   `json:"stream"`
}

// erase empties a slot, which must have held so many tokens at least.
func (c *client) erase(ctx context.Context, slot, holds int) error {
	var v struct {
		Slot   *int `json:"id_slot"`
		Erased *int `json:"n_erased"`
	}
	if err := c.call(ctx, http.MethodPost, fmt.Sprintf("/slots/%d?action=erase", slot), []byte("{}"), &v); err != nil {
		if refusal, ok := errors.AsType[*engineError](err); ok && refusal.Code == http.StatusNotImplemented {
			return &uncleanSlot{"the engine cannot erase a slot"}
		}
		return err
	}
	switch {
	case v.Slot == nil || *v.Slot != slot || v.Erased == nil:
		return &badReply{"no count of what was erased"}
	case *v.Erased < holds:
		return &uncleanSlot{"fewer tokens were erased than a slot held"}
	}
	return nil
}
