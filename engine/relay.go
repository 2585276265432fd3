package engine

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"abaton.local/models"
)

// mostBehind bounds what one answer may have waiting for its reader, in bytes. It
// is more than nearly all answers have: a worker seldom stands still for a reader.
const mostBehind = 512 << 10

// relay stands between the engine that makes an answer and whoever reads it. As
// long as they read, each piece is handed on by the goroutine that took it from the
// engine: another one to wake up for each would cost the engine's threads more than
// the piece (docs/decisions/0011). Whoever takes too long over it, once or bit by
// bit, has the rest read ahead for them, so that the engine's turn, its seat and its
// memory are free when the answer is made and not when it is read.
type relay struct {
	e      *Engine
	person Person
	model  models.Digest
	ctx    context.Context // of the making
	cancel context.CancelCauseFunc
	next   func() (Delta, error, bool) // goes on with the making; by one goroutine at a time
	stop   func()
	slow   time.Duration // that the reader took so far; theirs alone
	over   bool          // the making, where nobody reads ahead; the reader's alone

	mu      sync.Mutex
	making  bool               // the reader's goroutine is in next
	rest    func(resting bool) // of the worker at work, nil for none: it has no turns meanwhile
	done    chan struct{}
	waiting []spoken // read ahead
	size    int      // of them, in bytes
	ended   bool     // nothing is added to them any more
	struck  bool     // its person may not hear it any more: nothing is added either
	broke   any      // a panic of the making
	news    chan struct{}
	room    chan struct{}
}

// spoken is one step of a sequence.
type spoken struct {
	Delta
	err error
}

func (e *Engine) relay(ctx context.Context, p Prompt) *relay {
	r := &relay{e: e, person: p.Person, model: p.Model, news: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	// A coroutine, which can be gone on with from any goroutine.
	r.next, r.stop = iter.Pull2(func(yield func(Delta, error) bool) {
		err := e.generate(r.ctx, p, r, func(d Delta) bool { return yield(d, nil) })
		if fault, ok := errors.AsType[*Fault](context.Cause(r.ctx)); ok && err != nil {
			err = fault
		}
		if err != nil && !errors.Is(err, errLeft) {
			yield(Delta{}, err)
		}
	})
	return r
}

// holds says how the answer's worker is told to rest.
func (r *relay) holds(rest func(resting bool)) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rest = rest
}

// take gives the next piece. The last one is given once its worker is free.
func (r *relay) take() (Delta, error, bool) {
	r.mu.Lock()
	if r.done != nil {
		r.mu.Unlock()
		return r.fetch()
	}
	if r.over {
		r.mu.Unlock()
		return Delta{}, nil, false
	}
	r.making = true
	r.mu.Unlock()
	d, err, ok := r.next()
	if ok && (err != nil || d.Finish != "") {
		r.next() // to its end: no more comes
	}
	r.over = !ok || err != nil || d.Finish != ""
	r.mu.Lock()
	defer r.mu.Unlock()
	r.making = false
	return d, err, ok
}

// took says how long the reader was busy with a piece.
func (r *relay) took(d time.Duration) {
	if r.slow += d; r.slow > r.e.cfg.Patience.Reader && !r.over {
		r.ahead()
	}
}

// ahead reads the rest of the answer in its reader's place, unless they are back.
func (r *relay) ahead() {
	if r == nil {
		return
	}
	r.e.mu.Lock() // no lock of a vault comes between
	defer r.e.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.making || r.done != nil || r.rest == nil {
		return
	}
	r.done = make(chan struct{})
	r.e.relays[r] = struct{}{}
	go r.read()
}

// read takes what the engine says, until its end.
func (r *relay) read() {
	defer close(r.done)
	defer func() {
		broke := recover()
		r.mu.Lock()
		r.broke, r.ended = broke, true
		r.mu.Unlock()
		ring(r.news)
	}()
	for {
		r.roomy()
		d, err, ok := r.next()
		if !ok {
			return
		}
		r.add(spoken{d, err})
		ring(r.news)
	}
}

// add keeps a piece for its reader.
func (r *relay) add(s spoken) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.struck {
		return // it was said before the lock, and taken after it
	}
	r.waiting = append(r.waiting, s)
	r.size += s.size()
}

// roomy returns once there is room for one piece more. Meanwhile the engine takes
// no turns, and where somebody else waits for memory the answer is broken off
// after a while. What was to come of it then is its end.
func (r *relay) roomy() {
	if !r.full() {
		return
	}
	r.rest(true)
	defer r.rest(false)
	p := r.e.cfg.Patience
	look := max(p.Unread/10, time.Millisecond)
	tick := time.NewTicker(look)
	defer tick.Stop()
	for waited := time.Duration(0); r.full(); {
		select {
		case <-r.ctx.Done():
			return
		case <-r.room:
		case <-tick.C:
			if !r.e.hungryBeside(r.person, r.model) {
				continue
			}
			if waited += look; waited >= p.Unread {
				r.cancel(unread(waited))
				return
			}
		}
	}
}

func (r *relay) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.size >= r.e.behind
}

// fetch gives the next piece of what was read ahead.
func (r *relay) fetch() (Delta, error, bool) {
	for {
		r.mu.Lock()
		if len(r.waiting) > 0 {
			p := r.waiting[0]
			r.waiting[0] = spoken{}
			r.waiting = r.waiting[1:]
			r.size -= p.size()
			r.mu.Unlock()
			ring(r.room)
			return p.Delta, p.err, true
		}
		ended, broke := r.ended, r.broke
		r.mu.Unlock()
		if broke != nil {
			panic(broke)
		}
		if ended {
			return Delta{}, nil, false
		}
		<-r.news
	}
}

// forget drops what was read ahead of an answer that its person may not hear any
// more. The caller holds Engine.mu.
func (r *relay) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended && len(r.waiting) == 0 {
		return // all was heard
	}
	r.cancel(closing())
	r.struck, r.waiting, r.size = true, []spoken{{err: closing()}}, 0
	ring(r.news)
	ring(r.room)
}

// close ends the making where it goes on, and returns when nothing is left of it.
func (r *relay) close() {
	r.cancel(errLeft)
	r.mu.Lock()
	done := r.done
	r.mu.Unlock()
	if done != nil {
		<-done
		r.e.mu.Lock()
		delete(r.e.relays, r)
		r.e.mu.Unlock()
	}
	r.stop()
}

// hungryBeside tells whether somebody else waits for memory, or for a slot of a
// model's worker that people share.
func (e *Engine) hungryBeside(p Person, model models.Digest) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	another := func(s *seat) bool { return s.key.person != p }
	if all := e.seats[key{model: model, person: commons}]; all != nil && slices.ContainsFunc(all.line, another) {
		return true
	}
	return slices.ContainsFunc(e.hungry, another)
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// size is about what d takes of memory, in bytes.
func (d Delta) size() int {
	const delta, entry = 200, 64
	n := delta + len(d.Text) + len(d.Reasoning)
	for _, c := range d.Calls {
		n += entry + len(c.Name) + len(c.Arguments)
	}
	for _, l := range d.LogProbs {
		n += (entry + 16) * (1 + len(l.Top))
	}
	return n
}
