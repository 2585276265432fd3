package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// A Jail starts programs shut in as well as this kernel can. It is safe for
// concurrent use, and works on after [LockDown].
type Jail struct {
	cfg  Config
	tier Tier
	exe  string // this program, which is the stub

	calls    chan func() // run by the one thread that all jailed programs hang on
	launcher sync.WaitGroup
	verdicts verdicts

	// knobs are arguments for the stub. Only tests give any: the product's
	// stub does not read them.
	knobs   []string
	without map[layer]bool

	mu     sync.Mutex // guards what follows
	live   map[*Process]struct{}
	closed bool
}

// startWithin is how long a stub may take to build a jail.
const startWithin = 20 * time.Second

// Open finds the tier by trying each one, best first, with a program that only
// says hello; then it makes sure by the escape probe that nothing gets out of
// that tier, unless it did so already in this boot with this kernel and binary.
//
// In tier D the error is a [*NoJail], unless the configuration accepts that.
func Open(ctx context.Context, cfg Config) (*Jail, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	for _, dir := range []*string{&cfg.StateDir, &cfg.RuntimeDir} {
		if *dir == "" {
			continue
		}
		var err error
		if *dir, err = filepath.Abs(*dir); err != nil {
			return nil, fmt.Errorf("jail: %w", err)
		}
	}
	j := newJail(cfg)
	if err := j.open(ctx); err != nil {
		_ = j.Close()
		return nil, err
	}
	cfg.Log.Info("jail", "tier", string(j.tier))
	return j, nil
}

func (j *Jail) open(ctx context.Context) error {
	if err := j.sweep(); err != nil {
		return err
	}
	if err := j.findTier(ctx); err != nil {
		return err
	}
	if j.tier == TierD {
		return nil // it claims nothing that a probe could show
	}
	return j.verify(ctx, Native)
}

// newJail makes a jail without a tier, with its thread running.
func newJail(cfg Config) *Jail {
	j := &Jail{cfg: cfg, exe: "/proc/self/exe", calls: make(chan func()), live: map[*Process]struct{}{}}
	j.launcher.Go(func() {
		// The kernel ends a jailed program when the thread that started it ends
		// (PR_SET_PDEATHSIG), so this one stays as long as the jail; it is never
		// unlocked, so it ends with this function.
		runtime.LockOSThread()
		for call := range j.calls {
			call()
		}
	})
	return j
}

// findTier tries the tiers, best first.
func (j *Jail) findTier(ctx context.Context) error {
	var missing []string
	for _, t := range []Tier{TierA, TierB, TierC} {
		err := j.greet(ctx, t)
		if err == nil {
			j.tier = t
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		j.cfg.Log.Warn("jail tier not available", "tier", string(t), "why", err.Error())
		missing = append(missing, fmt.Sprintf("%s: %v", t, err))
	}
	if !j.cfg.AcceptUnjailed {
		return &NoJail{missing}
	}
	if err := j.greet(ctx, TierD); err != nil {
		return &NoJail{append(missing, fmt.Sprintf("%s: %v", TierD, err))}
	}
	j.tier = TierD
	j.cfg.Log.Warn("programs run without a jail, as was accepted", "missing", missing)
	return nil
}

// Tier is the tier that was found.
func (j *Jail) Tier() Tier { return j.tier }

// Start runs a program in the jail. When it returns without an error the
// program has been executed, with every layer of the tier around it. ctx ends
// the start, not the program.
func (j *Jail) Start(ctx context.Context, s Spec) (*Process, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	var err error
	if s.devices, err = cardDevices(s.Cards, j.tier, ""); err != nil {
		return nil, err
	}
	if j.tier != TierD {
		if err := j.verify(ctx, s.Policy, s.devices...); err != nil {
			return nil, err
		}
	}
	return j.start(ctx, s, j.tier)
}

// Close ends every program that still runs, waits for them, and lets the
// thread go.
func (j *Jail) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	var live []*Process
	for p := range j.live {
		live = append(live, p)
	}
	j.mu.Unlock()
	var errs []error
	for _, p := range live {
		errs = append(errs, p.Kill())
	}
	for _, p := range live {
		<-p.Done()
	}
	close(j.calls)
	j.launcher.Wait()
	return errors.Join(errs...)
}

// errClosed is what Start says after Close.
var errClosed = errors.New("the jail is closed")

// onThread runs f on the jail's thread and waits for it.
func (j *Jail) onThread(f func()) error {
	done := make(chan struct{})
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return errClosed
	}
	// Under the lock, so that Close cannot close the channel meanwhile; the
	// thread never takes the lock.
	j.calls <- func() { defer close(done); f() }
	j.mu.Unlock()
	<-done
	return nil
}

// null opens what a program reads and writes when it was given nothing.
func null() (*os.File, error) { return os.OpenFile(os.DevNull, os.O_RDWR, 0) }
