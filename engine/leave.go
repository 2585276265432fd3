package engine

import "context"

// Leave ends every worker of a person, idle or at work, and every question of
// theirs that waits for one, for their vault was locked and a worker's memory
// holds their words. It does not wait for the processes to be gone; answers in
// the making, and those not begun, end as if the engine closed.
func (e *Engine) Leave(person Person) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for r := range e.relays {
		if r.person == person {
			r.forget()
		}
	}
	for k, s := range e.seats {
		e.leaveShared(s, person)
		if k.person != person {
			continue
		}
		s.end()
		s.stay, s.end = context.WithCancel(e.life)
		if w := s.worker; w != nil {
			w.talk = nil // nothing can be sealed any more
			if w.unkeep != nil {
				w.unkeep()
			}
			w.stop(errDone)
		}
	}
}
