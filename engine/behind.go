package engine

import "time"

// What nobody waits for, the passages of somebody's documents, is embedded behind
// everybody's questions: by a worker of its own, so that a question of its person
// does not stand behind it, which stands still while any question of anybody is at
// work or waits, starts only where memory is left that nobody waits for, and is the
// first to end where somebody does.

// behindKept is how long such a worker is kept: until the next texts are there.
const behindKept = 15 * time.Second

// follower is work behind questions. Engine.mu guards it.
type follower struct {
	rest  func(resting bool)
	pulse *pulse
}

// follow lets work stand still while questions are there, until over is called.
func (e *Engine) follow(rest func(resting bool), pulse *pulse) (over func()) {
	f := &follower{rest, pulse}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.followers[f] = struct{}{}
	if e.urgent > 0 {
		f.stand(true)
	}
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.followers, f)
	}
}

func (f *follower) stand(still bool) {
	f.pulse.halt(still)
	f.rest(still)
}

// comes counts a question for k, and goes takes it away again. The caller holds mu.
func (e *Engine) comes(k key) {
	e.asking++
	if k.kind == behind {
		return
	}
	if e.urgent++; e.urgent == 1 {
		for f := range e.followers {
			f.stand(true)
		}
	}
}

func (e *Engine) goes(k key) {
	e.asking--
	if k.kind == behind {
		return
	}
	if e.urgent--; e.urgent == 0 {
		for f := range e.followers {
			f.stand(false)
		}
	}
}

// waits tells whether a worker for s may not start yet: it would be in somebody's
// way. The caller holds mu.
func (e *Engine) waits(s *seat) bool {
	return s.key.kind == behind && (e.urgent > 0 || len(e.hungry) > 0 || !e.roomy(s, false))
}

// endBehind ends work behind questions for s, which waits for memory.
func (e *Engine) endBehind(s *seat) {
	for k, other := range e.seats {
		if k.kind == behind && other.worker != nil && other.worker.life.Err() == nil && !e.roomy(s, true) {
			other.worker.stop(errDone)
		}
	}
}
