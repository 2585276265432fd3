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
// worker crashed before any text came is asked once more.
func (e *Engine) Generate(ctx context.Context, p Prompt) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) {
		err := e.generate(ctx, p, func(d Delta) bool { return yield(d, nil) })
		if err != nil && !errors.Is(err, errLeft) {
			yield(Delta{}, err)
		}
	}
}

func (e *Engine) generate(ctx context.Context, p Prompt, yield func(Delta) bool) error {
	if err := p.check(); err != nil {
		return err
	}
	id, err := e.fingerprint(p)
	if err != nil {
		return err
	}
	if e.crashes(id) >= maxCrashes {
		return poison(id)
	}
	s, stay, err := e.sit(ctx, key{p.Model, p.Person})
	if err != nil {
		return err
	}
	defer e.rise(s)
	staying, cancel := context.WithCancel(stay)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	talk := e.talkOf(ctx, p)
	for again := true; ; again = false {
		sent := false
		w, err := e.worker(staying, s, p.ContextTokens)
		asked := err == nil
		if asked {
			sent, err = e.ask(ctx, w, p, talk, yield)
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
		if asked && fault.suspicious() && e.crashed(id) >= maxCrashes {
			e.cfg.Log.Warn("a question crashed the engine twice and is not asked again", "question", hex.EncodeToString(id[:8]))
			return poison(id)
		}
		if sent || !again || !fault.again() {
			return fault
		}
	}
}

// ask puts p to w. sent tells whether text reached the caller.
func (e *Engine) ask(ctx context.Context, w *worker, p Prompt, talk *talk, yield func(Delta) bool) (sent bool, err error) {
	defer e.turns.join(w.proc, w.key.person)()
	forgotten := e.resume(ctx, w, talk)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var pulse pulse
	pulse.wait(0)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		w.watch(ctx, &pulse, e.cfg.Patience, e.turns.share)
	}()
	defer func() { cancel(); <-watched }()

	messages, tokens, err := w.scrub.clean(ctx, p.Messages)
	if err != nil {
		return false, w.broke(ctx, err)
	}
	if need := tokens + p.room(w.context); need >= w.context {
		return false, tooLong(int64(need), int64(w.context))
	}
	body, err := e.encode(messages, p.Options)
	if err != nil {
		return false, err
	}
	pulse.wait(min(tokens, batch))
	reply, err := w.client.chat(ctx, body)
	if err != nil {
		return false, w.broke(ctx, err)
	}
	defer reply.Close()
	events := newStream(reply, w.context)
	for {
		step, err := events.next()
		if err != nil {
			return sent, w.broke(ctx, err)
		}
		if step.done {
			pulse.rest()
			e.measured(w)
			e.heard(w, talk, step.last.Usage.PromptTokens+step.last.Usage.AnswerTokens, forgotten)
			if !yield(step.last) {
				return sent, errLeft
			}
			return sent, nil
		}
		if step.text != "" {
			pulse.rest() // the caller may take its time
			sent = true
			if !yield(Delta{Text: step.text}) {
				return sent, errLeft
			}
			reply.slow() // the first text came at once
			tokens = 0
		}
		pulse.wait(min(tokens, batch))
	}
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
	case w.fault == nil:
		return closing()
	case w.fault.Kind == BadReply && protocol:
		return badly(bad.why)
	}
	return w.fault
}

// goneWithin is how long a process may take to end after its socket closed.
const goneWithin = 2 * time.Second

// Warm starts the worker of a person and a model before it is asked.
func (e *Engine) Warm(ctx context.Context, person Person, model models.Digest) error {
	s, stay, err := e.sit(ctx, key{model, person})
	if err != nil {
		return err
	}
	defer e.rise(s)
	staying, cancel := context.WithCancel(stay)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	_, err = e.worker(staying, s, 0)
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

// Workers lists the processes that run now.
func (e *Engine) Workers() []WorkerInfo {
	e.mu.Lock()
	defer e.mu.Unlock()
	var infos []WorkerInfo
	for _, s := range e.seats {
		if w := s.worker; w != nil && w.up() {
			infos = append(infos, WorkerInfo{w.proc.PID(), w.key.model, w.key.person, w.context, s.inside > 0, w.need.Private() + w.need.Weights, s.used.Add(e.cfg.KeepAlive)})
		}
	}
	return infos
}
