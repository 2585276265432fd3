package engine

import (
	"context"
	"sync/atomic"
	"time"
)

// pulse tells for how long the engine has been waited for. It is written by the
// one who reads and read by watch.
type pulse struct {
	since  atomic.Int64 // nanoseconds; 0 while the caller is at work, not the engine
	tokens atomic.Int64 // of the prompt that it may be computing
	rested atomic.Int64 // nanoseconds: since when the caller is at work; 0 while it is the engine
	halted atomic.Bool  // the engine stands still, for others are asked first
}

func (p *pulse) wait(tokens int) {
	p.tokens.Store(int64(tokens))
	p.rested.Store(0)
	p.since.Store(time.Now().UnixNano())
}

func (p *pulse) rest() {
	p.since.Store(0)
	p.rested.Store(time.Now().UnixNano())
}

// resting is for how long the caller has been at work.
func (p *pulse) resting() time.Duration {
	since := p.rested.Load()
	if since == 0 {
		return 0
	}
	return time.Since(time.Unix(0, since))
}

// halt says that the engine stands still, or goes on.
func (p *pulse) halt(still bool) {
	if p.halted.Store(still); !still && p.since.Load() != 0 {
		p.since.Store(time.Now().UnixNano())
	}
}

func (p *pulse) silent() time.Duration {
	since := p.since.Load()
	if since == 0 || p.halted.Load() {
		return 0
	}
	return time.Since(time.Unix(0, since))
}

// watch ends a worker that hangs: one that neither answers /slots nor computes,
// or that gives no sign of life for longer than a token, and the batch of the
// prompt at hand, may take. A slow machine at work on a long prompt does not
// answer /slots either, so that alone is not enough. Where it is the reader who
// takes long, what the engine says is taken in their place.
func (w *worker) watch(ctx context.Context, pulse *pulse, p Patience, share func() int, r *relay) {
	tick := time.NewTicker(p.Probe)
	defer tick.Stop()
	misses, spent := 0, int64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.gone:
			return
		case <-tick.C:
		}
		if pulse.resting() > p.Reader {
			r.ahead()
		}
		silent, by := pulse.silent(), time.Duration(share()*w.slots.count())
		if silent < p.Probe {
			misses = 0
			continue
		}
		if silent > by*(p.Silence+time.Duration(pulse.tokens.Load())*p.Token) {
			w.stop(errHung)
			return
		}
		now, known := cpuTime(w.proc.PID())
		if misses == 0 {
			spent = now
		}
		probe, cancel := context.WithTimeout(ctx, by*p.Probe)
		err := w.client.alive(probe, w.slots.count())
		cancel()
		if err == nil {
			misses = 0
			continue
		}
		misses++
		if now, _ = cpuTime(w.proc.PID()); known && now != spent {
			misses = 0
			continue
		}
		if misses >= p.Misses && known {
			w.stop(errHung)
			return
		}
	}
}
