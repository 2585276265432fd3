package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"abaton.local/models"
)

// need is what a worker of a tiny model needs.
func need(t *testing.T, e *Engine, d models.Digest) models.Need {
	t.Helper()
	if err := e.know(d); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.facts[d].need(e.cfg.ContextTokens, false)
}

// Six people share a machine that has memory for two workers: all are answered,
// and never were more than two alive.
func TestMemoryIsNeverPassed(t *testing.T) {
	e, ask := startTiny(t, nil, nil)
	if _, _, err := collect(t.Context(), e, ask("bado", 4)); err != nil { // after which the need is known, not guessed
		t.Fatal(err)
	}
	n := need(t, e, ask("", 0).Model)
	e.cfg.Memory = n.Weights + 2*n.Private() + n.Private()/2
	var mu sync.Mutex
	most := 0
	watch, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		for watch.Err() == nil {
			e.mu.Lock()
			bytes, workers := e.used(nil, false)
			change := e.change
			e.mu.Unlock()
			mu.Lock()
			most = max(most, workers)
			mu.Unlock()
			if bytes > e.cfg.Memory {
				t.Errorf("%d workers need %d of %d", workers, bytes, e.cfg.Memory)
			}
			select {
			case <-change:
			case <-watch.Done():
			}
		}
	})
	var asking sync.WaitGroup
	for i := range 6 {
		asking.Go(func() {
			p := ask("bado", 4)
			p.Person = Person(fmt.Sprint("person", i))
			for range 3 {
				if _, _, err := collect(t.Context(), e, p); err != nil {
					t.Error(err)
				}
			}
		})
	}
	asking.Wait()
	stop()
	watching.Wait()
	if most != 2 {
		t.Errorf("%d workers at one time", most)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.hungry) != 0 || e.asking != 0 {
		t.Errorf("%d in line, %d asking", len(e.hungry), e.asking)
	}
}

func (e *Engine) inLine() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.hungry)
}

func TestWhatDoesNotFitIsRefusedWithNumbers(t *testing.T) {
	e, ask := startTiny(t, nil, nil)
	n := need(t, e, ask("", 0).Model)
	e.cfg.Memory = n.Rest
	_, _, err := collect(t.Context(), e, ask("bado", 2))
	f := faultOf(t, err, NoMemory)
	if !strings.Contains(f.What, fmt.Sprint(n.Rest>>20, " MB here")) {
		t.Errorf("%+v", f)
	}
	if e.inLine() != 0 {
		t.Error("it waits all the same")
	}
}

// A worker is made anew for a longer conversation, and kept for a shorter one.
func TestContextIsAskedFor(t *testing.T) {
	e, ask := startTiny(t, nil, func(c *Config) { c.ContextTokens = 1024 })
	of := func(tokens int) int {
		p := ask("bado", 2)
		p.ContextTokens = tokens
		if _, _, err := collect(t.Context(), e, p); err != nil {
			t.Fatal(err)
		}
		return workerOf(t, e, p).context
	}
	need(t, e, ask("", 0).Model)
	own := int(e.facts[ask("", 0).Model].shape.ContextLength)
	for _, c := range []struct{ ask, want int }{{0, 1024}, {512, 1024}, {min(2048, own), min(2048, own)}, {0, min(2048, own)}, {1 << 24, own}} {
		if got := of(c.ask); got != c.want {
			t.Errorf("%d asked for: %d, not %d", c.ask, got, c.want)
		}
	}
	p := ask("bado", 2)
	p.ContextTokens = -1
	_, _, err := collect(t.Context(), e, p)
	faultOf(t, err, BadRequest)
}

// A client whose wish grows by a token with each question does not have the
// engine start for each.
func TestContextDoesNotCreep(t *testing.T) {
	e, ask := startTiny(t, nil, func(c *Config) { c.ContextTokens = 128 })
	began := map[*worker]bool{}
	for i := range 20 {
		p := ask("bado", 1)
		p.ContextTokens = 128 + i
		if _, _, err := collect(t.Context(), e, p); err != nil {
			t.Fatal(err)
		}
		w := workerOf(t, e, p)
		if began[w] = true; w.context < p.ContextTokens {
			t.Errorf("%d tokens for %d", w.context, p.ContextTokens)
		}
	}
	if len(began) > 2 {
		t.Errorf("%d workers were started", len(began))
	}
}

// A model that was let go and is loaded again stays, as long as was asked for.
func TestLoadedAfterUnloaded(t *testing.T) {
	e, ask := startTiny(t, nil, func(c *Config) { c.ContextTokens = 128 })
	p := ask("bado", 1)
	p.KeepAlive = new(time.Duration(0))
	if _, _, err := collect(t.Context(), e, p); err != nil {
		t.Fatal(err)
	}
	for _, long := range []*time.Duration{nil, new(time.Duration(-1)), new(time.Hour)} {
		e.Unload(p.Person, p.Model)
		p.KeepAlive, p.ContextTokens = long, 200
		if err := e.Load(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		w := workerOf(t, e, p)
		if w.life.Err() != nil || w.context != 200 {
			t.Errorf("%d tokens, %v", w.context, w.life.Err())
		}
		e.mu.Lock()
		kept := e.seats[w.key].kept
		e.mu.Unlock()
		if want := e.cfg.KeepAlive; long == nil && kept != want || long != nil && kept != *long {
			t.Errorf("kept for %v", kept)
		}
	}
	p.ContextTokens = -1
	if err := e.Load(t.Context(), p); err == nil {
		t.Error("a conversation of -1 tokens")
	}
}

// A question that goes while it waits for memory is out of the line.
func TestLeavingTheLine(t *testing.T) {
	e, ask := startTiny(t, nil, func(c *Config) { c.MaxWorkers = 1 })
	next, stop := pull(t, e, ask("bado", 0))
	next()
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	bela := ask("deba", 1)
	bela.Person = "bela"
	go func() {
		_, _, err := collect(ctx, e, bela)
		gone <- err
	}()
	eventually(t, func() bool { return e.inLine() > 0 })
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) || e.inLine() != 0 {
		t.Errorf("%v, %d in line", err, e.inLine())
	}
	stop()
}

// What a worker holds is looked at although the caller leaves with the last
// word, as chat does.
func TestNeedIsMeasured(t *testing.T) {
	e, ask := startTiny(t, nil, nil)
	p := ask("bado", 2)
	for d, err := range e.Generate(t.Context(), p) {
		if err != nil {
			t.Fatal(err)
		}
		if d.Finish != "" {
			break
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.facts[p.Model].rest <= 0 {
		t.Error("nothing was measured")
	}
}

// A worker that somebody's prompts made large counts as large, and makes no other
// worker of its model too large for this machine.
func TestOneLargeWorkerDoesNotShutOutTheOthers(t *testing.T) {
	e, ask := startTiny(t, nil, nil)
	p := ask("bado", 2)
	if _, _, err := collect(t.Context(), e, p); err != nil {
		t.Fatal(err)
	}
	e.cfg.Memory = 8 << 30
	w := workerOf(t, e, p)
	e.holds(w, 6<<30)
	e.mu.Lock()
	bytes, _ := e.used(nil, false)
	e.mu.Unlock()
	if bytes < 6<<30 {
		t.Errorf("a worker that holds 6 GiB counts as %d", bytes)
	}
	if n := need(t, e, p.Model); n.Private() > 1<<30 {
		t.Errorf("every other one counts as %d", n.Private())
	}
	p.Person = "bela"
	if _, _, err := collect(t.Context(), e, p); err != nil {
		t.Error(err)
	}
}
