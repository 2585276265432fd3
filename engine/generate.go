package engine

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"iter"
	"time"

	"abaton.local/models"
)

// errLeft says that the caller left the loop.
var errLeft = errors.New("nobody listens any more")

// Generate answers p with the worker of its person and model. The sequence ends
// with a delta that has Finish set, or with one error: a *Fault, or ctx's.
// Leaving the loop, or ending ctx, stops the engine's work. A question whose
// worker crashed before any text came is asked once more. Who takes long over
// what they are given does not keep the engine by it.
func (e *Engine) Generate(ctx context.Context, p Prompt) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) {
		r := e.relay(ctx, p)
		defer r.close()
		for {
			d, err, ok := r.take()
			if !ok {
				return
			}
			began := time.Now()
			if !yield(d, err) || err != nil {
				return
			}
			r.took(time.Since(began))
		}
	}
}

func (e *Engine) generate(ctx context.Context, p Prompt, r *relay, yield func(Delta) bool) error {
	p, err := p.checked()
	if err != nil {
		return err
	}
	p, err = e.look(ctx, p)
	if err != nil {
		return err
	}
	id, err := e.fingerprint(p)
	if err != nil {
		return err
	}
	talk := e.talkOf(ctx, p)
	return e.persist(ctx, key{model: p.Model, person: p.Person}, p.KeepAlive, p.ContextTokens, id, talk, func(ctx context.Context, w *worker) (bool, error) {
		return e.ask(ctx, w, p, talk, r, yield)
	})
}

// persist puts a question to the worker of k, and once more to a new one where
// the first died of it before anything was sent to the caller. Tokens is how long
// a conversation that worker shall hold, as in Prompt.ContextTokens; talk what a new
// one goes on from, nil for nothing.
func (e *Engine) persist(ctx context.Context, k key, keep *time.Duration, tokens int, id [32]byte, talk *talk, ask func(context.Context, *worker) (sent bool, err error)) error {
	if e.crashes(id) >= maxCrashes {
		return poison(id)
	}
	s, stay, err := e.sit(ctx, k)
	if err != nil {
		return err
	}
	defer e.rise(s)
	e.keepAlive(s, keep)
	e.setsOut(s, id)
	e.expects(s, talk)
	defer e.expects(s, nil)
	staying, cancel := context.WithCancel(stay)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	for again := true; ; again = false {
		sent := false
		w, release, err := e.seated(staying, s, tokens)
		asked := err == nil
		if asked {
			sent, err = ask(ctx, w)
			release()
		}
		if asked && err == nil {
			e.acquit(s, id)
		}
		if err == nil || errors.Is(err, errLeft) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if stay.Err() != nil {
			return closing()
		}
		fault, ok := errors.AsType[*Fault](err)
		if !ok {
			return err
		}
		if asked && fault.suspicious() && !w.guilty() {
			e.setApart(s, id)
		} else if asked && fault.suspicious() && e.crashed(id) >= maxCrashes {
			e.cfg.Log.Warn("a question crashed the engine twice and is not asked again", "question", hex.EncodeToString(id[:8]))
			return poison(id)
		}
		if sent || !again || !fault.again() {
			return fault
		}
	}
}

// work has w do something for a question: it takes turns with the others while
// it does, and is watched. pulse is for what it is waited for, r for who reads
// what it says piece by piece; nil where nobody does.
func (e *Engine) work(ctx context.Context, w *worker, r *relay, do func(ctx context.Context, pulse *pulse) error) error {
	leave, rest := e.join(w)
	defer leave()
	r.holds(rest)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var pulse pulse
	pulse.wait(0)
	if w.key.kind == behind {
		defer e.follow(rest, &pulse)()
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		w.watch(ctx, &pulse, e.cfg.Patience, e.turns.share, r)
	}()
	defer func() { cancel(); <-watched }()
	err := do(ctx, &pulse)
	if err == nil || errors.Is(err, errLeft) {
		return err
	}
	return w.broke(ctx, err)
}

// ask puts p to w. sent tells whether text reached the caller.
func (e *Engine) ask(ctx context.Context, w *worker, p Prompt, talk *talk, r *relay, yield func(Delta) bool) (sent bool, err error) {
	err = e.work(ctx, w, r, func(ctx context.Context, pulse *pulse) error {
		ready := make(chan prepared, 1)
		go func() { ready <- w.prepare(ctx, p) }() // the engine's tokenizer is free while it reads a snapshot
		pulse.rest()
		forgotten := e.resume(ctx, w, talk)
		pulse.wait(0)
		reply, events, tokens, err := e.put(ctx, w, <-ready, pulse)
		if err != nil {
			return err
		}
		defer reply.Close()
		for {
			step, err := events.next()
			if err != nil {
				return err
			}
			if !step.done && step.empty() {
				pulse.wait(min(tokens, batch))
				continue
			}
			pulse.rest() // the caller may take its time
			sent = sent || !step.done
			if step.done {
				e.measured(w) // before the caller hears of the end, for then it leaves
				u := step.piece.Usage
				e.lentHeard(w, u)
				e.heard(w, talk, u.PromptTokens+u.AnswerTokens, forgotten)
			}
			if !yield(step.piece) {
				return errLeft
			}
			if step.done {
				return nil
			}
			reply.slow() // the first text came at once
			tokens = 0
			pulse.wait(0)
		}
	})
	return sent, err
}

// steps is what a stream of events comes to.
type steps interface{ next() (step, error) }

// prepared is a question that an engine may be asked.
type prepared struct {
	prompt  Prompt
	generic *generic
	tokens  int
	err     error
}

// prepare makes p fit for w, and counts its tokens, about.
func (w *worker) prepare(ctx context.Context, p Prompt) (r prepared) {
	if r.prompt, r.generic, r.err = w.fit(p); r.err != nil {
		return r
	}
	if r.prompt, r.tokens, r.err = w.scrub.clean(ctx, r.prompt); r.err != nil {
		return r
	}
	if need := r.tokens + r.prompt.room(w.context); need >= w.context {
		r.err = tooLong(int64(need), int64(w.context))
	}
	return r
}

// put sends a question to w, and gives what comes back and how many tokens it has.
func (e *Engine) put(ctx context.Context, w *worker, r prepared, pulse *pulse) (*reply, steps, int, error) {
	if r.err != nil {
		return nil, nil, 0, r.err
	}
	p, tokens := r.prompt, r.tokens
	to := e.lentBegins(w)
	var body []byte
	var err error
	send := w.client.chat
	if p.Text != "" {
		send = w.client.text
		body, err = encodeText(p.Text, p.Options, to)
	} else {
		body, err = e.encode(p.Messages, p.Options, to)
	}
	if err != nil {
		return nil, nil, 0, err
	}
	if p.sees() {
		if tokens, err = w.sized(ctx, p, body); err != nil {
			return nil, nil, 0, err
		}
	}
	pulse.wait(min(tokens, batch))
	reply, err := send(ctx, body)
	if err != nil {
		return nil, nil, 0, err
	}
	events := newStream(reply, w.context, p)
	events.known, events.reads = w.mayKnow(), func() { e.lentReads(w) }
	if r.generic != nil {
		r.generic.from = events
		return reply, r.generic, tokens, nil
	}
	return reply, events, tokens, nil
}

// room is how many tokens p wants free for its answer in a context of so many.
func (p Prompt) room(context int) int {
	if !p.LeaveRoom {
		return 0
	}
	return min(cmp.Or(p.Options.MaxTokens, 512), context/4)
}

// broke puts a failed exchange into a fault. A worker that is not to be trusted
// any more is ended, and its end awaited.
func (w *worker) broke(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	if refusal, ok := errors.AsType[*engineError](err); ok {
		return refusedBy(refusal)
	}
	bad, protocol := errors.AsType[*badReply](err)
	if !protocol {
		// The connection broke: the engine is ending, or being ended.
		t := time.NewTimer(goneWithin)
		defer t.Stop()
		select {
		case <-w.gone:
		case <-t.C:
		}
	}
	w.stop(errBadReply)
	<-w.gone
	switch {
	case w.process().fault == nil:
		return closing()
	case w.process().fault.Kind == BadReply && protocol && !w.process().fault.retry:
		return badly(bad.why)
	}
	return w.process().fault
}

// goneWithin is how long a process may take to end after its socket closed.
const goneWithin = 2 * time.Second

// Warm starts the worker of a person and a model before it is asked.
func (e *Engine) Warm(ctx context.Context, person Person, model models.Digest) error {
	return e.Load(ctx, Prompt{Person: person, Model: model})
}

// Load is Warm for the worker that p would have: of what p says only Person, Model,
// ContextTokens and KeepAlive count.
func (e *Engine) Load(ctx context.Context, p Prompt) error {
	if err := p.checkContext(); err != nil {
		return err
	}
	s, stay, err := e.sit(ctx, key{model: p.Model, person: p.Person})
	if err != nil {
		return err
	}
	defer e.rise(s)
	e.keepAlive(s, p.KeepAlive)
	staying, cancel := context.WithCancel(stay)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	err = e.load(staying, s, p.ContextTokens)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case stay.Err() != nil:
		return closing()
	}
	return err
}

// WorkerInfo is one running engine process.
type WorkerInfo struct {
	PID     int
	Model   models.Digest
	Person  Person
	Context int // tokens
	Busy    bool
	Memory  int64     // bytes that it needs, the model's file among them
	Until   time.Time // when it ends if nobody asks
}

// Workers lists the processes that run now: one that people share once for each of them who has a slot
// of it, and as nobody's if none has.
func (e *Engine) Workers() []WorkerInfo {
	e.mu.Lock()
	defer e.mu.Unlock()
	var infos []WorkerInfo
	for _, s := range e.seats {
		if w := s.worker; w != nil && w.up() {
			info := WorkerInfo{w.proc.PID(), w.key.model, w.key.person, w.context, s.inside > 0, w.need.Private() + w.need.Weights, until(s)}
			infos = append(infos, w.slots.asOwned(info, func(p slot) time.Time { return e.slotUntil(s, p) })...)
		}
	}
	return infos
}

// until is when the worker of s ends if nobody asks; in ten years where it stays.
func until(s *seat) time.Time {
	if s.kept < 0 {
		return s.used.AddDate(10, 0, 0)
	}
	return s.used.Add(s.kept)
}
