package engine

import (
	"sync"
	"time"
)

// runner is what can be paused: a worker's process.
type runner interface {
	Stop() error     // SIGSTOP
	Continue() error // SIGCONT
}

// turns lets busy workers compute one after the other. Engine threads spin while
// they wait for each other, so two workers with a thread on every core run at a
// fraction of the speed of one (measured: 125 tokens/s alone, 38 as two at once,
// 6 as eight); in slices they share it almost without loss. Safe for concurrent use.
type turns struct {
	atOnce int           // how many may compute at one time
	slice  time.Duration // how long one turn lasts

	mu      sync.Mutex
	members []*member // guarded by mu
	first   int       // of those that run now
	running bool      // the goroutine of rotate
	idle    sync.WaitGroup
}

type member struct {
	runner
	stopped bool
}

// join makes r one of those that take turns, until leave is called.
func (t *turns) join(r runner) (leave func()) {
	m := &member{runner: r}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.members = append(t.members, m)
	if len(t.members) > t.atOnce && !t.running {
		t.running = true
		t.idle.Go(t.rotate)
	}
	return func() { t.leave(m) }
}

func (t *turns) leave(m *member) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, x := range t.members {
		if x == m {
			t.members = append(t.members[:i], t.members[i+1:]...)
			break
		}
	}
	m.set(false) // it must notice that its question is gone
}

// share tells by how many the processor is divided now.
func (t *turns) share() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(1, (len(t.members)+t.atOnce-1)/t.atOnce)
}

// rotate runs while there are more members than may compute.
func (t *turns) rotate() {
	tick := time.NewTicker(t.slice)
	defer tick.Stop()
	for t.next() {
		<-tick.C
	}
}

// next starts the next turn; false when nobody has to wait any more.
func (t *turns) next() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.members)
	if n <= t.atOnce {
		for _, m := range t.members {
			m.set(false)
		}
		t.running = false
		return false
	}
	t.first = (t.first + t.atOnce) % n
	// First stop, then continue: never more threads than cores, not even between.
	for i, m := range t.members {
		if (i-t.first+n)%n >= t.atOnce {
			m.set(true)
		}
	}
	for i, m := range t.members {
		if (i-t.first+n)%n < t.atOnce {
			m.set(false)
		}
	}
	return true
}

// set stops or continues m. Its errors mean that the process is gone, which its
// worker notices by itself.
func (m *member) set(stopped bool) {
	if m.stopped == stopped {
		return
	}
	m.stopped = stopped
	if stopped {
		_ = m.Stop()
	} else {
		_ = m.Continue()
	}
}
