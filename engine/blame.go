package engine

import (
	"context"
	"time"
)

// Whose fault a crash is. Of an engine of one's own it is one's own question's.
// Where people share one it is a question's only if it was alone at work: of several
// any may have ended it, and none is blamed. Each of them is asked alone from then
// on, so that the guilty one is found and the others are answered.

// alone is who was at work in a shared worker, if it was one person; commons for
// nobody, for several, and for a slot that was being emptied.
func (t *table) alone() (who Person) {
	busy := 0
	for _, p := range t.slots {
		if p.busy {
			busy++
			who = p.owner
		}
	}
	if busy != 1 {
		return commons
	}
	return who
}

// blame puts a worker's failure on record with whoever is to wait before the next
// start: the one person who was at work with it, or all who share it. The caller
// holds mu.
func (e *Engine) blame(s *seat, w *worker, fault *Fault) *circuit {
	if w.slots == nil || !fault.suspicious() {
		return &s.circuit
	}
	w.blamed = w.slots.alone()
	if its := e.seats[key{model: s.key.model, person: w.blamed, kind: s.key.kind}]; its != nil {
		return &its.circuit
	}
	return &s.circuit
}

// guilty tells whether it was a question's own worker that failed, or one that
// was at work for nobody else.
func (w *worker) guilty() bool { return w.loan == nil || w.loan.of.blamed == w.key.person }

// setApart has a question asked alone from now on.
func (e *Engine) setApart(s *seat, id [32]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.apart) >= maxSuspects {
		clear(e.apart)
	}
	e.apart[id] = true
	s.apart = true
}

// acquit is for a question that was answered alone: it may be asked in company again.
func (e *Engine) acquit(s *seat, id [32]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.apart, id)
	s.apart = false
}

// setsOut is for a question that begins: whether it is asked alone.
func (e *Engine) setsOut(s *seat, id [32]byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s.apart = e.apart[id]
}

// calm waits, or refuses to, where the engine that s shares with others crashed at
// work for s alone: the others need not wait.
func (e *Engine) calm(ctx context.Context, s *seat) error {
	e.mu.Lock()
	pause, open := s.circuit.wait(e.cfg.Patience, time.Now())
	n := len(s.circuit.crashes)
	e.mu.Unlock()
	switch {
	case open:
		return circuitOpen(n, pause)
	case pause > 0:
		return e.sleep(ctx, pause)
	}
	return nil
}
