package engine

import (
	"context"
	"time"

	"abaton.local/models"
)

// seat is the place of one person at one model. One question at a time holds it.
type seat struct {
	key     key
	turn    chan struct{} // holds one; full while a question has the seat
	inside  int           // questions that have it or wait for it
	worker  *worker       // nil when there is none
	used    time.Time     // when it was last left
	kept    time.Duration // after that; below 0 for as long as its person stays
	circuit circuit
	context int       // tokens that its worker can look at, in each slot; 0 before the model is known
	most    int       // less than was thought, after the worker ran out of memory; 0 before
	hungry  time.Time // since when it waits for memory
	next    *talk     // that the question at hand is of; nil where nothing is kept of it

	apart bool    // the question at hand is asked alone of what people share
	slots int     // of its worker: more than 0 where people share that
	line  []*seat // of people who wait for a slot of its worker, the first first

	stay context.Context // ends for those inside when their person's vault is locked
	end  context.CancelFunc
}

// sit takes the seat of k for one question, after those who came before. Stay
// ends when the question may not go on.
func (e *Engine) sit(ctx context.Context, k key) (s *seat, stay context.Context, err error) {
	e.mu.Lock()
	if e.life.Err() != nil {
		e.mu.Unlock()
		return nil, nil, closing()
	}
	if s = e.seats[k]; s == nil {
		s = &seat{key: k, turn: make(chan struct{}, 1), kept: e.cfg.KeepAlive}
		s.stay, s.end = context.WithCancel(e.life)
		e.seats[k] = s
	}
	if s.inside > e.cfg.MaxWaiting || e.asking >= e.cfg.MaxQueue {
		n := s.inside
		e.mu.Unlock()
		return nil, nil, busy(n)
	}
	s.inside++
	e.comes(k)
	stay = s.stay
	e.mu.Unlock()
	select {
	case s.turn <- struct{}{}:
		return s, stay, nil
	case <-ctx.Done():
		e.leave(s)
		return nil, nil, ctx.Err()
	case <-stay.Done():
		e.leave(s)
		return nil, nil, closing()
	}
}

// rise gives the seat to the next.
func (e *Engine) rise(s *seat) {
	e.mu.Lock()
	e.leaveLine(s) // whoever comes next at this seat is behind all who wait
	e.yield(s)
	e.mu.Unlock()
	<-s.turn
	e.leave(s)
}

// leave is for a question that has not, or no longer, the seat.
func (e *Engine) leave(s *seat) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s.inside--
	e.goes(s.key)
	s.used = time.Now()
	if s.inside == 0 && s.kept == 0 && s.worker != nil {
		s.worker.stop(errDone)
	}
	e.changed()
}

// keepAlive says how long the worker of s stays once nobody asks it; nil for the default.
func (e *Engine) keepAlive(s *seat, d *time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.kept = e.cfg.KeepAlive; d != nil {
		s.kept = *d
	}
}

// Unload ends the workers of a person for a model once they are idle. It does
// not wait, and knows no error: there may be none. A question that comes behind
// those that wait starts them anew, or keeps them.
func (e *Engine) Unload(person Person, model models.Digest) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, s := range e.seats {
		if k.model == model {
			e.vacate(s, person)
		}
		if k.person != person || k.model != model || s.worker == nil {
			continue
		}
		if s.kept = 0; s.inside == 0 {
			s.worker.stop(errDone)
		}
	}
}

// changed wakes those who wait for room. The caller holds mu.
func (e *Engine) changed() {
	close(e.change)
	e.change = make(chan struct{})
}

// worker gives the seat's worker, started if need be, with room for tokens if
// the model and this machine have it. The caller has the seat; ctx is that of
// its stay.
func (e *Engine) worker(ctx context.Context, s *seat, tokens int) (*worker, error) {
	if err := e.know(s.key.model); err != nil {
		return nil, err
	}
	for {
		w, wait, err := e.seatWorker(ctx, s, tokens)
		if err != nil {
			return nil, err
		}
		if w != nil {
			select {
			case <-w.ready:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			if !w.failed {
				return w, nil
			}
			<-w.gone
			if w.fault == nil {
				return nil, closing()
			}
			return nil, w.fault
		}
		if err := wait(ctx); err != nil {
			return nil, err
		}
	}
}

// seatWorker gives the seat's living worker or a new one, or else what to wait for.
func (e *Engine) seatWorker(ctx context.Context, s *seat, tokens int) (*worker, func(context.Context) error, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.life.Err() != nil {
		return nil, nil, closing()
	}
	if ctx.Err() != nil { // Leave holds mu, so nothing starts behind its back
		return nil, nil, ctx.Err()
	}
	if fault := e.fit(s, tokens); fault != nil {
		return nil, nil, fault
	}
	if w := s.worker; w != nil {
		if w.life.Err() == nil && w.context < s.context {
			w.stop(errDone) // it was made for shorter conversations
		}
		if w.life.Err() != nil { // it is on its way out
			return nil, e.waitFor(e.change), nil
		}
		return w, nil, nil
	}
	if e.held[hits{model: s.key.model}] >= maxPolicyHits || e.held[hits{s.key.model, s.key.person}] >= maxPolicyHits {
		return nil, nil, heldBack()
	}
	pause, open := s.circuit.wait(e.cfg.Patience, time.Now())
	if open {
		return nil, nil, circuitOpen(len(s.circuit.crashes), pause)
	}
	if pause > 0 {
		return nil, func(ctx context.Context) error { return e.sleep(ctx, pause) }, nil
	}
	if e.waits(s) {
		return nil, e.waitFor(e.change), nil
	}
	if e.wantRoom(s) {
		e.dropAsides(s)
		if e.roomy(s, false) {
			e.leaveLine(s)
			e.changed() // the next in line may look
			s.worker = e.begin(s)
			return s.worker, nil, nil
		}
		e.makeRoom(s)
		return nil, e.waitLong(e.change, e.press(s)), nil
	}
	return nil, e.waitFor(e.change), nil
}

// begin starts a worker for s. The caller holds mu.
func (e *Engine) begin(s *seat) *worker {
	ctx, stop := context.WithCancelCause(e.life)
	f, copied := e.facts[s.key.model], e.copies(s)
	need := f.need(s.tokens(), copied)
	w := &worker{key: s.key, life: ctx, stop: stop, context: s.context, need: need, copied: copied, shares: !copied && f.copying != models.NoCopy,
		slots: newTable(s.slots), snapshot: s.snapshot(f, need.Cache, s.context), ready: make(chan struct{}), gone: make(chan struct{})}
	w.next = s.next
	e.procs.Go(func() {
		defer stop(errDone)
		fault := w.run(e)
		e.ended(s, w, fault)
	})
	return w
}

// hits names whose policy hits are counted together: those of a model while it is
// loaded are everybody's, for they are its file's; those after that are its person's,
// whose words may have brought them about.
type hits struct {
	model  models.Digest
	person Person // empty: while it was loaded
}

// ended puts the end of w on record.
func (e *Engine) ended(s *seat, w *worker, fault *Fault) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s.worker = nil
	if s.inside == 0 || fault != nil && fault.Kind == OverShare {
		s.context = 0 // whoever wants a longer one than usual says so again
	}
	if fault != nil {
		if fault.failed() {
			e.blame(s, w, fault).crashed(time.Now())
		}
		switch fault.Kind {
		case PolicyHit:
			whose := hits{w.key.model, w.key.person}
			if !w.up() {
				whose.person = "" // before it read a word of anybody's
			}
			e.held[whose]++
			e.cfg.Log.Warn("the engine tried what its jail forbids", "model", s.key.model, "times", e.held[whose], "loading", !w.up(), "detail", fault.Detail)
		case NoMemory:
			if half := w.context / 2; half >= leastContext {
				s.context, s.most = half, half
			}
			e.cfg.Log.Warn("the engine ran out of memory", "model", s.key.model, "context", w.context, "next", s.context, "detail", fault.Detail)
		default:
			e.cfg.Log.Warn("the engine ended", "model", s.key.model, "kind", fault.Kind, "detail", fault.Detail)
		}
	}
	w.fault = fault
	if w.up() {
		close(w.gone)
	} else {
		w.failed = true
		close(w.ready)
		close(w.gone)
	}
	e.changed()
}

const (
	maxPolicyHits = 2    // one restart, then a person must look
	leastContext  = 1024 // tokens
)

func (e *Engine) waitFor(change <-chan struct{}) func(context.Context) error {
	return e.waitLong(change, 0)
}

// waitLong waits for a change, for most at most if that is not 0.
func (e *Engine) waitLong(change <-chan struct{}, most time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		var over <-chan time.Time
		if most > 0 {
			t := time.NewTimer(most)
			defer t.Stop()
			over = t.C
		}
		select {
		case <-change:
			return nil
		case <-over:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-e.life.Done():
			return closing()
		}
	}
}

func (e *Engine) sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-e.life.Done():
		return closing()
	}
}
