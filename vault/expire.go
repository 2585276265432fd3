package vault

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"
)

// expire locks what was idle for too long and ends what is too old.
func (s *sessions) expire() {
	s.mu.Lock()
	now := s.now()
	var left []*home
	for x := range s.seats {
		if end := now.Sub(x.began) >= absoluteLock; end || x.home != nil && x.late(now) {
			// A token's session is made anew by its next request.
			left = append(left, s.detach(x, end || x.way == SlotToken))
		}
	}
	s.mu.Unlock()
	s.settle(left...)
}

// settle closes those vaults that no session has open any more: keys and caches
// go, then memory is collected so that what was derived from them goes, too,
// and as many of their words as can.
func (s *sessions) settle(left ...*home) {
	for _, o := range left { // all at one time, and before anything is waited for
		if o != nil {
			defer s.hurry(o)()
		}
	}
	closed := false
	for _, o := range left {
		if o != nil && s.shut(o) {
			closed = true
		}
	}
	if closed {
		runtime.GC()
		// What the first found unreachable is wiped by the second; and pages on which
		// nothing is left go back to the kernel, words and all.
		debug.FreeOSMemory()
	}
}

// hurry bounds the time that a vault without sessions stays open, whoever is at
// work in it.
func (s *sessions) hurry(o *home) (callOff func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.seats > 0 || o.opened == nil {
		return func() {}
	}
	return o.opened.hurry()
}

// drop closes a vault. The caller holds its home's mu.
func (s *sessions) drop(o *home) {
	o.vault.Close()
	s.arena.release(o.root)
	o.vault, o.root = nil, nil
}

func (s *sessions) shut(o *home) bool {
	o.mu.Lock()
	s.mu.Lock()
	empty := o.vault != nil && (o.seats == 0 || o.vault.st.isLeft())
	s.mu.Unlock()
	if empty {
		s.closing(o, o.vault)
		s.drop(o)
		s.mu.Lock()
		o.opened = nil
		s.mu.Unlock()
	}
	o.mu.Unlock()
	s.mu.Lock()
	s.tidy(o)
	s.mu.Unlock()
	if empty {
		s.locked(o.person)
	}
	return empty
}

// run locks sessions when their time has come, until the context ends; then it
// locks everybody.
func (s *sessions) run(ctx context.Context) {
	defer s.lockAll("", nil)
	for {
		timer := time.NewTimer(s.next())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.wake:
			timer.Stop()
		case <-timer.C:
			s.expire()
		}
	}
}

// next is how long nothing can become due.
func (s *sessions) next() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	wait := absoluteLock
	for x := range s.seats {
		due := x.began.Add(absoluteLock)
		if idle := x.used.Add(x.idle); x.home != nil && x.busy == 0 && idle.Before(due) {
			due = idle
		}
		wait = min(wait, due.Sub(now))
	}
	return max(wait, 0)
}

func (s *sessions) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
