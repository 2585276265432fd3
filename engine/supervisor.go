package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
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

// Config says what an Engine works with. Jail and Shelf must be set, and Pack or
// Later.
type Config struct {
	Jail  *sandbox.Jail
	Pack  *enginepack.Pack
	Later func(context.Context) (*enginepack.Pack, error) // finds one that came later; enginepack.ErrNone: not yet
	Shelf Shelf

	Threads       int           // that compute in one worker; 0 takes the physical cores
	Cores         int           // that may compute at one time, over all workers; 0 takes the physical cores
	ContextTokens int           // of a conversation; 0 takes what models.FitContext says; never more than the model's own
	Memory        int64         // bytes that all workers together may need; 0 takes nine tenths of what is free now
	MaxWaiting    int           // questions that wait for one worker; 0 takes 16
	MaxQueue      int           // questions of all at one time, at work or waiting; 0 takes 512
	MaxWorkers    int           // processes at one time; 0 takes 64
	KeepAlive     time.Duration // how long a worker is kept that nobody asks; 0 takes five minutes
	Slots         int           // of one worker of a model that all people share, each in a slot of their own; 0 gives each person workers of their own
	Patience      Patience

	Unclean func(models.Digest) // is told of a shared worker that was ended because a slot could not be emptied; may be nil, and must not block

	Keeper    Keeper // of snapshots; nil keeps none
	Snapshots int64  // bytes that one may have; 0 takes 2 GiB; never more than an eighth of Memory

	LinkDir string // the working directory, writable: short links to sockets live there for a moment
	Log     *slog.Logger
}

// Engine answers prompts with workers that it starts on demand: one process for
// each model and person. It is safe for concurrent use.
type Engine struct {
	cfg    Config
	launch func(context.Context, sandbox.Spec) (*sandbox.Process, error)
	encode func([]Message, Options, steering) ([]byte, error)
	decode func(context.Context, []byte) (Image, error)      // a picture
	extra  []string                                          // flags; tests of faults set these three
	kills  func() (int64, bool)                              // of the kernel, for want of memory
	memory int64                                             // bytes of each worker; 0 computes them
	wire   func(Person, http.RoundTripper) http.RoundTripper // nil; tests of cross-talk listen in by it

	pack     atomic.Pointer[enginepack.Pack] // nil: not found yet
	turns    turns
	behind   int // bytes of one answer that may wait for its reader; tests set it
	links    links
	pictures chan struct{}   // full while as many are decoded as may be
	slots    chan struct{}   // full while a snapshot lies in memory beside what it is of
	life     context.Context // of all workers
	end      context.CancelFunc
	procs    sync.WaitGroup // one for each worker

	mu        sync.Mutex    // guards what follows, and the fields of seats
	seats     map[key]*seat //
	facts     map[models.Digest]*facts
	hungry    []*seat                // that wait for memory, the first first
	asking    int                    // questions at work or waiting
	urgent    int                    // those of them that somebody waits for
	followers map[*follower]struct{} // at work behind these
	held      map[hits]int           // policy hits
	suspect   map[[32]byte]int       // crashes by question
	apart     map[[32]byte]bool      // questions that are asked alone of what people share
	relays    map[*relay]struct{}    // that read for somebody slow
	change    chan struct{}          // closed and made anew when a worker ends or gets idle
	hashKey   [32]byte               // of suspect, so that no question can be guessed from a log
}

// New makes an Engine. Nothing runs until somebody asks.
func New(c Config) (*Engine, error) {
	if c.Jail == nil || c.Pack == nil && c.Later == nil || c.Shelf == nil || c.Log == nil {
		return nil, errors.New("an engine needs a jail, a pack, a shelf and a log")
	}
	if err := inWorkingDir(c.LinkDir); err != nil {
		return nil, err
	}
	if c.Threads == 0 || c.Cores == 0 || c.Memory == 0 {
		m, err := hardware.Probe()
		if err != nil {
			return nil, fmt.Errorf("looking at this machine's cores and memory: %w", err)
		}
		if c.Threads == 0 {
			c.Threads = max(1, m.PhysicalCores)
		}
		if c.Cores == 0 {
			c.Cores = max(1, m.PhysicalCores)
		}
		if c.Memory == 0 {
			free := m.MemoryAvailable
			if free == 0 {
				free = m.Memory / 2
			}
			c.Memory = max(free/10*9, 1)
		}
	}
	orElse(&c.MaxWaiting, 16)
	orElse(&c.MaxQueue, 512)
	orElse(&c.MaxWorkers, 64)
	orElse(&c.KeepAlive, 5*time.Minute)
	orElse(&c.Snapshots, 2<<30)
	c.Snapshots = min(c.Snapshots, c.Memory/8)
	if c.Slots < 0 || c.Slots > maxSlots {
		return nil, fmt.Errorf("an engine that people share has 1 to %d slots, not %d", maxSlots, c.Slots)
	}
	if c.Keeper == nil {
		c.Snapshots = 0
	}
	c.Patience = c.Patience.withDefaults()
	e := &Engine{
		cfg: c, encode: encodeChat,
		turns:     turns{atOnce: max(1, c.Cores/c.Threads), slice: c.Patience.Slice},
		seats:     map[key]*seat{},
		facts:     map[models.Digest]*facts{},
		held:      map[hits]int{},
		suspect:   map[[32]byte]int{},
		apart:     map[[32]byte]bool{},
		relays:    map[*relay]struct{}{},
		followers: map[*follower]struct{}{},
		behind:    mostBehind,
		change:    make(chan struct{}),
		slots:     make(chan struct{}, 1),
		pictures:  make(chan struct{}, picturesAtOnce),
	}
	rand.Read(e.hashKey[:]) // never fails, by its contract
	e.pack.Store(c.Pack)
	e.life, e.end = context.WithCancel(context.Background())
	e.launch, e.kills = c.Jail.Start, oomKills
	e.decode = func(ctx context.Context, raw []byte) (Image, error) { return Picture(ctx, c.Jail, raw) }
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
	tick := time.NewTicker(max(min(e.cfg.KeepAlive/4, time.Second), time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			e.mu.Lock()
			e.end()
			e.mu.Unlock()
			e.procs.Wait()
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
		e.vacateIdle(s, now)
		if s.inside > 0 || s.kept < 0 || now.Sub(s.used) < s.kept {
			continue
		}
		if s.worker != nil {
			s.worker.stop(errDone)
		} else if _, open := s.circuit.wait(e.cfg.Patience, now); len(s.circuit.crashes) == 0 && !open {
			s.end()
			delete(e.seats, k)
		}
	}
}
