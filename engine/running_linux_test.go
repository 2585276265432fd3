package engine

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// However many people ask at once, no more of the real engines compute at one
// time than there are cores for; else all together slow down to a crawl. The
// control: with cores for all of them, more are seen to run.
func TestNeverMoreRunThanCores(t *testing.T) {
	for _, c := range []struct{ people, cores, most int }{{2, 1, 1}, {8, 1, 1}, {8, 2, 2}, {8, 8, 8}} {
		t.Run(fmt.Sprintf("%d people, %d cores", c.people, c.cores), func(t *testing.T) {
			e, ask := startTiny(t, nil, func(x *Config) { x.Cores, x.Patience.Slice = c.cores, 5*time.Millisecond })
			question := func(i, tokens int) Prompt {
				p := ask("bado", tokens)
				p.Person = resident(i)
				return p
			}
			for i := range c.people {
				if err := e.Warm(t.Context(), resident(i), question(i, 0).Model); err != nil {
					t.Fatal(err)
				}
			}
			var asking sync.WaitGroup
			for i := range c.people {
				asking.Go(func() {
					if _, last, err := collect(t.Context(), e, question(i, 400)); err != nil || last.Usage.AnswerTokens != 400 {
						t.Errorf("%d tokens: %v", last.Usage.AnswerTokens, err)
					}
				})
			}
			done := make(chan struct{})
			go func() { asking.Wait(); close(done) }()
			looks, most, all := 0, 0, 0
			for ended := false; !ended; {
				running, members := e.turns.look(t)
				if members > 0 {
					looks, most, all = looks+1, max(most, running), max(all, members)
				}
				select {
				case <-done:
					ended = true
				case <-time.After(2 * time.Millisecond):
				}
			}
			t.Logf("%d looks: at most %d of %d run", looks, most, all)
			if most > c.most || all < 2 || looks < 5 {
				t.Errorf("in %d looks at most %d of %d people's workers ran at one time", looks, most, all)
			}
			if c.cores >= c.people && most < 2 {
				t.Errorf("control: with a core for each at most %d ran", most)
			}
		})
	}
}

// Where more waits than may, the worker stands still and takes nobody's turns; and
// who reads again hears the rest.
func TestAWorkerWaitsOutsideTheTurns(t *testing.T) {
	e, ask := impatient(t, 1)
	p := ask("bado", 100)
	want, _, err := collect(t.Context(), e, p)
	if err != nil {
		t.Fatal(err)
	}
	on, told := slowly(t, e, p)
	resting := func() bool {
		e.turns.mu.Lock()
		defer e.turns.mu.Unlock()
		return len(e.turns.members) == 0
	}
	eventually(t, resting)
	eventually(t, func() bool { return halted(t, workerOf(t, e, p).proc.PID()) })
	on()
	if text, _, err := told(); err != nil || text != want {
		t.Errorf("%v: %q, not %q", err, text, want)
	}
}

// look tells how many of those at work are not stopped, and how many are at work.
// No turn begins or ends meanwhile. A signal that was just sent may need a moment
// to arrive where the machine has much to do, so what is too much is looked at again.
func (t *turns) look(tb testing.TB) (running, members int) {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	for range 1000 {
		running = 0
		for _, m := range t.members {
			if !halted(tb, m.runner.(interface{ PID() int }).PID()) {
				running++
			}
		}
		if running <= t.atOnce {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return running, len(t.members)
}

// halted tells whether all threads of a process are stopped.
func halted(tb testing.TB, pid int) bool {
	tb.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		tb.Errorf("process %d has no threads: %v", pid, err)
	}
	for _, name := range threads {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // the thread ended
		}
		if i := bytes.LastIndexByte(b, ')'); i < 0 || len(b) < i+3 || b[i+2] != 'T' {
			return false
		}
	}
	return true
}
