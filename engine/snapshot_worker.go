package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// talk is the conversation that a worker has in its slot. Engine.mu guards that
// of a worker.
type talk struct {
	links  [][32]byte
	tokens int  // 0: not to be kept
	keep   bool // by Config.Keeper, when the worker ends
}

// Bounds of the time that snapshots take of somebody who waits.
const (
	saveWithin    = 10 * time.Second
	restoreWithin = 10 * time.Second
)

// talkOf makes the chain of a prompt; nil where there is none, or where something of
// it could be kept and cannot be now.
func (e *Engine) talkOf(ctx context.Context, p Prompt) *talk {
	if len(p.Messages) == 0 {
		return nil
	}
	if e.cfg.Keeper == nil || !p.Keep {
		return &talk{links: chain(e.hashKey, p)}
	}
	secret, err := e.cfg.Keeper.Secret(ctx, p.Person)
	if err != nil {
		return nil // locked, or about to be
	}
	return &talk{links: chain(secret, p), keep: true}
}

// resume puts into the slot of w what is kept of a conversation, if that is more
// than the slot has. The caller has the worker's seat. The engine compares
// tokens, so a wrong choice costs time and changes no answer.
func (e *Engine) resume(ctx context.Context, w *worker, t *talk) (forgotten int) {
	u := e.begun(w)
	if u != nil {
		defer u.free()
	}
	e.mu.Lock()
	has := 0
	if old := w.talk; old != nil && t != nil {
		if l := (Label{Turns: len(old.links), Last: old.links[len(old.links)-1]}); l.within(t.links) {
			has = l.Turns
		}
	}
	old, a := w.talk, w.aside
	w.talk = nil // from here on the slot changes
	forgotten = w.forgotten
	if w.snapshot == 0 {
		e.mu.Unlock()
		return forgotten
	}
	back := a.goesOn(t)
	if back <= has {
		a, back = nil, 0
	} else {
		a.done = false // it stays until it is read
	}
	e.mu.Unlock()
	if has == 0 && old.displaces(t) {
		e.putAside(ctx, w, old, a, forgotten)
	}
	if back > 0 {
		e.takeBack(ctx, w, a)
		has = back
	}
	if t == nil || !t.keep {
		return forgotten
	}
	kept, err := e.cfg.Keeper.Kept(ctx, w.key.person)
	if err != nil {
		return forgotten
	}
	best, ok := choose(kept, e.setting(w), t.links, has)
	if !ok || best.Tokens >= w.context {
		return forgotten
	}
	e.fitBeside(w, best.Tokens)
	ctx, cancel := context.WithTimeout(ctx, restoreWithin)
	defer cancel()
	if err := e.restore(ctx, w, best, u); err != nil && ctx.Err() == nil {
		e.cfg.Log.Warn("a conversation is read again, for its snapshot cannot be used", "model", w.key.model, "why", snapshotWhy(err))
		// One that failed is not tried again, whatever was wrong with it.
		_ = e.cfg.Keeper.Drop(ctx, w.key.person, []string{best.ID})
	}
	return forgotten
}

// restore hands a snapshot to the engine once every byte of it is proven. It may
// have been begun.
func (e *Engine) restore(ctx context.Context, w *worker, s Snapshot, u *unsealed) error {
	if u == nil || u.of.ID != s.ID {
		if u != nil {
			u.free() // only one lies in memory
		}
		u = e.unseal(ctx, w, s)
		defer u.free()
	}
	select {
	case <-u.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if u.err != nil {
		return u.err
	}
	n, err := w.client.slot(ctx, "restore", u.name)
	if err == nil && n != s.Tokens {
		err = &badReply{"another number of tokens than was restored"}
	}
	return err
}

// enterSlots waits until no other snapshot lies in memory twice.
func (e *Engine) enterSlots(ctx context.Context) error {
	select {
	case e.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// heard notes what the slot of w holds after an answer.
func (e *Engine) heard(w *worker, t *talk, tokens, forgotten int) {
	if t == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if w.forgotten != forgotten {
		return // it may hold words that were deleted meanwhile
	}
	w.talk = &talk{t.links, tokens, t.keep}
}

// sealing is a snapshot on its way from an engine that ends to its keeper.
type sealing struct {
	file   *os.File // that has no name any more
	size   int64
	of     Setting
	format string
	talk   *talk
	ctx    context.Context
	stop   context.CancelFunc
	alone  func() // lets others save and restore, once the engine is gone; nil before it is this one's turn
}

// save has the engine write down what its slot holds, while it still runs. It is
// nil where there is nothing to keep.
func (e *Engine) save(w *worker) *sealing {
	e.mu.Lock()
	t, a := w.talk, w.aside
	w.talk, w.aside = nil, nil
	switch {
	case a == nil:
	case a.done && a.talk.keep && (t == nil || !t.keep || t.tokens < a.talk.tokens):
		t = a.talk
	default:
		w.removeAside(a.name)
		a = nil
	}
	if e.cfg.Keeper == nil || t == nil || !t.keep || t.tokens < leastTokens || !e.affords(w, t.tokens) {
		e.mu.Unlock()
		return nil
	}
	// Not the worker's own context: that has ended.
	ctx, stop := context.WithTimeout(context.WithoutCancel(w.life), saveWithin)
	w.unkeep = stop
	e.mu.Unlock()
	s := &sealing{of: e.setting(w), talk: t, ctx: ctx, stop: stop}
	err := e.enterSlots(ctx)
	if err == nil {
		s.alone = sync.OnceFunc(func() { <-e.slots })
		err = s.save(w, a)
	}
	if err != nil {
		if ctx.Err() == nil {
			e.cfg.Log.Warn("a conversation is not kept for going on at once", "model", w.key.model, "why", snapshotWhy(err))
		}
		s.close()
		return nil
	}
	return s
}

// affords tells whether a snapshot of so many tokens fits what was set aside.
func (e *Engine) affords(w *worker, tokens int) bool {
	f := e.facts[w.key.model]
	return f != nil && f.snapshot(f.need(tokens, false).Cache, tokens) <= w.snapshot
}

// save takes what lies aside, or what the slot holds where that is nil.
func (s *sealing) save(w *worker, a *aside) error {
	dir, err := openSlots(w.proc.RunDir())
	if err != nil {
		return err
	}
	defer dir.close()
	name, n := slotName(), s.talk.tokens
	if a != nil {
		name = a.name
	} else if n, err = w.client.slot(s.ctx, "save", name); err != nil {
		return err
	}
	if s.file, s.size, err = dir.open(name); err != nil {
		return err
	}
	dir.remove(name)
	if s.format, err = formatOf(s.file); err != nil {
		return err
	}
	switch {
	case s.size > w.snapshot:
		return &badReply{"a snapshot that is too large"}
	case n < leastTokens || n >= s.of.Context:
		return &badReply{"another number of tokens than was read"}
	}
	s.talk.tokens = n
	return nil
}

// keep seals a snapshot. The engine is gone; its last file lives as long as we
// hold it.
func (e *Engine) keep(w *worker, s *sealing) {
	defer s.close()
	e.mu.Lock()
	w.need.Weights, w.need.Cache, w.need.Rest = 0, 0, s.size
	e.changed()
	e.mu.Unlock()
	s.alone()
	last := len(s.talk.links)
	label := Label{Setting: s.of, Format: s.format, Tokens: s.talk.tokens, Turns: last, Last: s.talk.links[last-1]}
	kept, err := e.cfg.Keeper.Kept(s.ctx, w.key.person)
	if err == nil {
		err = e.cfg.Keeper.Keep(s.ctx, w.key.person, label, s.size, io.NewSectionReader(s.file, 0, s.size), replaced(kept, s.of, s.talk.links))
	}
	if err != nil && s.ctx.Err() == nil {
		e.cfg.Log.Warn("a conversation is not kept for going on at once", "model", w.key.model, "why", snapshotWhy(err))
	}
}

func (s *sealing) close() {
	s.stop()
	if s.alone != nil {
		s.alone()
	}
	if s.file != nil {
		_ = s.file.Close()
	}
}

// Rest ends the idle workers of a person whose vault is about to be locked, and
// keeps what they had read until ctx ends. Those at work are left alone: nobody
// waits for an answer in order to lock.
func (e *Engine) Rest(ctx context.Context, person Person) {
	e.mu.Lock()
	var resting []*worker
	for k, s := range e.seats {
		if k.person != person || s.worker == nil {
			continue
		}
		if s.inside == 0 && s.worker.life.Err() == nil {
			s.worker.stop(errDone)
		}
		if s.worker.life.Err() != nil {
			resting = append(resting, s.worker)
		}
	}
	e.mu.Unlock()
	for _, w := range resting {
		select {
		case <-w.gone:
		case <-ctx.Done():
		}
	}
	e.unkeep(resting)
	for _, w := range resting {
		<-w.gone // at once now: its process was killed, its keeper was stopped
	}
}

// Forget sees to it that nothing that a person's workers hold now is ever kept:
// they deleted something of it. It returns when nothing is on its way any more.
func (e *Engine) Forget(person Person) {
	e.mu.Lock()
	var ending []*worker
	for k, s := range e.seats {
		if w := s.worker; k.person == person && w != nil {
			w.talk = nil
			w.forgetAside()
			w.forgotten++
			if w.life.Err() != nil {
				ending = append(ending, w)
			}
		}
	}
	e.mu.Unlock()
	e.unkeep(ending)
	for _, w := range ending {
		<-w.gone
	}
}

// unkeep stops what is on its way to a keeper.
func (e *Engine) unkeep(workers []*worker) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, w := range workers {
		w.talk = nil
		w.forgetAside()
		if w.unkeep != nil {
			w.unkeep()
		}
	}
}

// slot saves or restores the one slot, and gives the number of tokens.
func (c *client) slot(ctx context.Context, action, name string) (tokens int, err error) {
	var v struct {
		Saved    *int `json:"n_saved"`
		Restored *int `json:"n_restored"`
	}
	if err := c.call(ctx, http.MethodPost, "/slots/0?action="+action, []byte(`{"filename":"`+name+`"}`), &v); err != nil {
		return 0, err
	}
	n := v.Saved
	if action == "restore" {
		n = v.Restored
	}
	if n == nil || *n < 0 {
		return 0, &badReply{"no number of tokens"}
	}
	return *n, nil
}

// slotName draws a name that the engine has not seen.
func slotName() string { return strings.ToLower(rand.Text()) }

// capped refuses more than so many bytes.
type capped struct {
	w    io.Writer
	left int64
}

func (c *capped) Write(b []byte) (int, error) {
	if int64(len(b)) > c.left {
		return 0, &badReply{"a snapshot that is too large"}
	}
	n, err := c.w.Write(b)
	c.left -= int64(n)
	return n, err
}

// snapshotWhy says why without quoting what an engine said.
func snapshotWhy(err error) string {
	if _, ok := errors.AsType[*engineError](err); ok {
		return "the engine refused it"
	}
	return err.Error()
}
