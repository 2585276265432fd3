package main

import (
	"fmt"
	"sync"
	"time"

	"abaton.local/vault"
)

// turns bounds how often each person may have something costly done at a
// running serve: once at a time, a few times in a row, then one more every so
// often. The zero turns lets nobody.
type turns struct {
	most  int
	every time.Duration

	mu   sync.Mutex
	each map[vault.PersonID]*taken // guarded by mu
}

// taken is what one person has had.
type taken struct {
	used int
	last time.Time // when used last went down
	busy bool
}

func newTurns(most int, every time.Duration) *turns {
	return &turns{most: most, every: every, each: map[vault.PersonID]*taken{}}
}

// take gives a person a turn, until end is called, or says when there is one.
func (t *turns) take(person vault.PersonID) (end func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	x := t.each[person]
	if x == nil {
		x = &taken{last: now}
		t.each[person] = x
	}
	if back := int(now.Sub(x.last) / t.every); back > 0 {
		x.used = max(0, x.used-back)
		x.last = x.last.Add(time.Duration(back) * t.every)
	}
	switch {
	case x.busy:
		return nil, told{fmt.Errorf("this is being done for you already: wait until it has ended"), failed}
	case x.used >= t.most:
		wait := x.last.Add(t.every).Sub(now).Round(time.Second)
		return nil, told{fmt.Errorf("this costs the whole machine much work and was done for you %d times just now: try again in %v", t.most, max(wait, time.Second)), failed}
	case x.used == 0:
		x.last = now
	}
	x.used++
	x.busy = true
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		x.busy = false
	}, nil
}
