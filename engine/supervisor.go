package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"abaton.local/hardware"
	"abaton.local/models"
	"abaton.local/models/enginepack"
	"abaton.local/sandbox"
)

// Shelf is where the engine finds models. *models.Shelf is one.
type Shelf interface {
	Find(name string) (models.Passport, error)
	Shape(models.Passport) (models.Shape, error)
	Open(context.Context, models.Passport) (*os.File, error) // checked again
	Path(models.Digest) string
}

// Config says what an Engine works with. Jail, Pack and Shelf must be set.
type Config struct {
	Jail  *sandbox.Jail
	Pack  *enginepack.Pack
	Shelf Shelf

	Threads       int           // that compute in one worker; 0 takes the physical cores
	Cores         int           // that may compute at one time, over all workers; 0 takes the physical cores
	ContextTokens int           // of a conversation; 0 takes 4096; never more than the model's own
	MaxWaiting    int           // questions that wait for one worker; 0 takes 16
	MaxWorkers    int           // processes at one time; 0 takes 4
	KeepAlive     time.Duration // how long a worker is kept that nobody asks; 0 takes five minutes
	Patience      Patience

	LinkDir string // the working directory, writable: short links to sockets live there for a moment
	Log     *slog.Logger
}

// Engine answers prompts with workers that it starts on demand: one process for
// each model and person. It is safe for concurrent use.
type Engine struct {
	cfg    Config
	launch func(context.Context, sandbox.Spec) (*sandbox.Process, error)
	encode func([]Message, Options) ([]byte, error)
	extra  []string // flags; tests of faults set these three
	memory int64    // bytes of each worker; 0 computes them

	turns turns
	links links
	life  context.Context // of all workers
	end   context.CancelFunc
	work  sync.WaitGroup // one for each worker

	mu      sync.Mutex            // guards what follows, and the fields of seats
	seats   map[key]*seat         //
	held    map[models.Digest]int // policy hits by model
	suspect map[[32]byte]int      // crashes by question
	change  chan struct{}         // closed and made anew when a worker ends or gets idle
	hashKey [32]byte              // of suspect, so that no question can be guessed from a log
}

// seat is the place of one person at one model. One question at a time holds it.
type seat struct {
	key     key
	turn    chan struct{} // holds one; full while a question has the seat
	inside  int           // questions that have it or wait for it
	worker  *worker       // nil when there is none
	used    time.Time     // when it was last left
	circuit circuit
	context int // tokens; less after the worker ran out of memory
}

// New makes an Engine. Nothing runs until somebody asks.
func New(c Config) (*Engine, error) {
	if c.Jail == nil || c.Pack == nil || c.Shelf == nil || c.Log == nil {
		return nil, errors.New("an engine needs a jail, a pack, a shelf and a log")
	}
	if err := inWorkingDir(c.LinkDir); err != nil {
		return nil, err
	}
	if c.Threads == 0 || c.Cores == 0 {
		m, err := hardware.Probe()
		if err != nil {
			return nil, fmt.Errorf("counting this machine's cores: %w", err)
		}
		if c.Threads == 0 {
			c.Threads = max(1, m.PhysicalCores)
		}
		if c.Cores == 0 {
			c.Cores = max(1, m.PhysicalCores)
		}
	}
	orElse(&c.ContextTokens, 4096)
	orElse(&c.MaxWaiting, 16)
	orElse(&c.MaxWorkers, 4)
	orElse(&c.KeepAlive, 5*time.Minute)
	c.Patience = c.Patience.withDefaults()
	e := &Engine{
		cfg: c, encode: encodeChat,
		turns:   turns{atOnce: max(1, c.Cores/c.Threads), slice: c.Patience.Slice},
		seats:   map[key]*seat{},
		held:    map[models.Digest]int{},
		suspect: map[[32]byte]int{},
		change:  make(chan struct{}),
	}
	rand.Read(e.hashKey[:]) // never fails, by its contract
	e.life, e.end = context.WithCancel(context.Background())
	e.launch = c.Jail.Start
	return e, nil
}

func orElse[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// inWorkingDir refuses a folder that is not the working directory: connections
// go through relative names.
func inWorkingDir(dir string) error {
	want, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("the folder for links to engines: %w", err)
	}
	is, err := os.Stat(".")
	if err != nil {
		return fmt.Errorf("the working directory: %w", err)
	}
	if !os.SameFile(want, is) {
		return fmt.Errorf("the working directory must be %s, where links to engines live", dir)
	}
	return nil
}

// Run ends workers that nobody asked for a while, and returns when ctx ends and
// all workers are gone. After that every question is refused.
func (e *Engine) Run(ctx context.Context) error {
	tick := time.NewTicker(max(e.cfg.KeepAlive/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			e.mu.Lock()
			e.end()
			e.mu.Unlock()
			e.work.Wait()
			e.turns.idle.Wait()
			return nil
		case now := <-tick.C:
			e.sweep(now)
		}
	}
}

// sweep ends idle workers and forgets empty seats.
func (e *Engine) sweep(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, s := range e.seats {
		if s.inside > 0 || now.Sub(s.used) < e.cfg.KeepAlive {
			continue
		}
		if s.worker != nil {
			s.worker.stop(errDone)
		} else if _, open := s.circuit.wait(e.cfg.Patience, now); len(s.circuit.crashes) == 0 && !open {
			delete(e.seats, k)
		}
	}
}

// sit takes the seat of k for one question, after those who came before.
func (e *Engine) sit(ctx context.Context, k key) (*seat, error) {
	e.mu.Lock()
	if e.life.Err() != nil {
		e.mu.Unlock()
		return nil, closing()
	}
	s := e.seats[k]
	if s == nil {
		s = &seat{key: k, turn: make(chan struct{}, 1), context: e.cfg.ContextTokens}
		e.seats[k] = s
	}
	if s.inside > e.cfg.MaxWaiting {
		n := s.inside
		e.mu.Unlock()
		return nil, busy(n)
	}
	s.inside++
	e.mu.Unlock()
	select {
	case s.turn <- struct{}{}:
		return s, nil
	case <-ctx.Done():
		e.leave(s)
		return nil, ctx.Err()
	case <-e.life.Done():
		e.leave(s)
		return nil, closing()
	}
}

// rise gives the seat to the next.
func (e *Engine) rise(s *seat) {
	<-s.turn
	e.leave(s)
}

func (e *Engine) leave(s *seat) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s.inside--
	s.used = time.Now()
	e.changed()
}

// changed wakes those who wait for room. The caller holds mu.
func (e *Engine) changed() {
	close(e.change)
	e.change = make(chan struct{})
}

// worker gives the seat's worker, started if need be. The caller has the seat.
func (e *Engine) worker(ctx context.Context, s *seat) (*worker, error) {
	for {
		w, wait, err := e.seatWorker(s)
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
func (e *Engine) seatWorker(s *seat) (*worker, func(context.Context) error, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.life.Err() != nil {
		return nil, nil, closing()
	}
	if s.worker != nil {
		if s.worker.life.Err() != nil { // it is on its way out
			return nil, e.waitFor(e.change), nil
		}
		return s.worker, nil, nil
	}
	if e.held[s.key.model] >= maxPolicyHits {
		return nil, nil, heldBack()
	}
	pause, open := s.circuit.wait(e.cfg.Patience, time.Now())
	if open {
		return nil, nil, circuitOpen(len(s.circuit.crashes), pause)
	}
	if pause > 0 {
		return nil, func(ctx context.Context) error { return e.sleep(ctx, pause) }, nil
	}
	var idle *seat
	workers := 0
	for _, other := range e.seats {
		if other.worker == nil {
			continue
		}
		workers++
		if other.inside == 0 && (idle == nil || other.used.Before(idle.used)) {
			idle = other
		}
	}
	if workers < e.cfg.MaxWorkers {
		s.worker = e.begin(s)
		return s.worker, nil, nil
	}
	if idle != nil {
		idle.worker.stop(errDone)
	}
	return nil, e.waitFor(e.change), nil
}

// begin starts a worker for s. The caller holds mu.
func (e *Engine) begin(s *seat) *worker {
	ctx, stop := context.WithCancelCause(e.life)
	w := &worker{key: s.key, life: ctx, stop: stop, context: s.context, ready: make(chan struct{}), gone: make(chan struct{})}
	e.work.Go(func() {
		defer stop(errDone)
		fault := w.run(e)
		e.ended(s, w, fault)
	})
	return w
}

// ended puts the end of w on record.
func (e *Engine) ended(s *seat, w *worker, fault *Fault) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s.worker = nil
	if fault != nil {
		if fault.failed() {
			s.circuit.crashed(time.Now())
		}
		switch fault.Kind {
		case PolicyHit:
			e.held[s.key.model]++
			e.cfg.Log.Warn("the engine tried what its jail forbids", "model", s.key.model, "times", e.held[s.key.model], "detail", fault.Detail)
		case NoMemory:
			if half := w.context / 2; half >= leastContext {
				s.context = half
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
	return func(ctx context.Context) error {
		select {
		case <-change:
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
