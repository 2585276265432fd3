package engine

import (
	"slices"
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
// 6 as eight); in slices they share it almost without loss. Persons take turns,
// and among their own workers theirs, so that nobody gets more by asking several
// models. Safe for concurrent use.
type turns struct {
	atOnce int           // how many may compute at one time
	slice  time.Duration // how long one turn lasts

	mu      sync.Mutex
	members []*member     // guarded by mu; those of the person whose turn is next stand first
	running bool          // the goroutine of rotate
	over    chan struct{} // to it: who had the turn needs it no more
	idle    sync.WaitGroup
}

type member struct {
	runner
	of      *turns
	person  Person
	stopped bool
	left    bool
	aside   bool // stopped, and none of those that take turns
}

// join makes r, at work for a person, one of those that take turns, until leave
// is called.
func (t *turns) join(r runner, person Person) (leave func()) { return t.add(r, person).leave }

// add is join for who may rest meanwhile.
func (t *turns) add(r runner, person Person) *member {
	m := &member{runner: r, of: t, person: person}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.enter(m)
	return m
}

// enter is called with mu held.
func (t *turns) enter(m *member) {
	t.members = append(t.members, m)
	if len(t.members) <= t.atOnce {
		m.set(false)
		return
	}
	m.set(true) // until its turn comes
	if !t.running {
		t.running, t.over = true, make(chan struct{}, 1)
		t.idle.Go(func() { t.rotate(t.over) })
	}
}

func (m *member) leave() {
	m.of.mu.Lock()
	defer m.of.mu.Unlock()
	m.of.without(m)
	m.left = true
	m.set(false) // it must notice that its question is gone
}

// rest takes m out of its turns, stopped, for as long as nobody takes what it
// says; or brings it back.
func (m *member) rest(resting bool) {
	m.of.mu.Lock()
	defer m.of.mu.Unlock()
	if m.left || m.aside == resting {
		return
	}
	if m.aside = resting; !resting {
		m.of.enter(m)
		return
	}
	m.of.without(m)
	m.set(true)
}

// without takes m from those that take turns. The caller holds mu.
func (t *turns) without(m *member) {
	i := slices.Index(t.members, m)
	if i < 0 {
		return
	}
	t.members = slices.Delete(t.members, i, i+1)
	if t.running && !m.stopped {
		select {
		case t.over <- struct{}{}:
		default: // it is told already
		}
	}
}

// share tells by how many the processor is divided now for whoever gets least of
// it: a person with several workers at work.
func (t *turns) share() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	each := map[Person]int{}
	most := 0
	for _, m := range t.members {
		each[m.person]++
		most = max(most, each[m.person])
	}
	return max(1, (len(each)*most+t.atOnce-1)/t.atOnce)
}

// rotate runs while there are more members than may compute.
func (t *turns) rotate(over <-chan struct{}) {
	tick := time.NewTicker(t.slice)
	defer tick.Stop()
	for t.next() {
		select {
		case <-tick.C:
		case <-over:
			tick.Reset(t.slice)
		}
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
	now := t.choose()
	// First stop, then continue: never more threads than cores, not even between.
	for _, m := range t.members {
		if !slices.Contains(now, m) {
			m.set(true)
		}
	}
	for _, m := range now {
		m.set(false)
	}
	return true
}

// choose gives those whose turn it is, and puts them behind all others: one of
// each person as long as there are persons, then more of the same ones.
func (t *turns) choose() []*member {
	var now []*member
	for len(now) < t.atOnce {
		had := map[Person]bool{}
		for _, m := range t.members {
			if len(now) < t.atOnce && !had[m.person] && !slices.Contains(now, m) {
				had[m.person] = true
				now = append(now, m)
			}
		}
	}
	// The rest of a person whose turn it was also goes back, behind the others.
	served := func(m *member) int {
		switch {
		case slices.Contains(now, m):
			return 2
		case slices.ContainsFunc(now, func(o *member) bool { return o.person == m.person }):
			return 1
		}
		return 0
	}
	slices.SortStableFunc(t.members, func(a, b *member) int { return served(a) - served(b) })
	return now
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
