package engine

import (
	"testing"
	"time"
)

// A person's vault is locked: no question of theirs, not even one that waits
// behind another, gives their words to an engine any more.
func TestLeaveEndsWhatWaits(t *testing.T) {
	e, ask := startTiny(t, nil, nil)
	other := ask("deba", 2)
	other.Person = "bert"
	if _, _, err := collect(t.Context(), e, other); err != nil {
		t.Fatal(err)
	}
	next, stop := pull(t, e, ask("bado", 0))
	defer stop()
	next()
	done := make(chan error)
	for range 3 {
		go func() {
			_, _, err := collect(t.Context(), e, ask("deba", 2))
			done <- err
		}()
	}
	for e.inside(ask("", 0)) < 4 {
		time.Sleep(time.Millisecond)
	}
	e.Leave("anna")
	stop()
	for range 3 {
		faultOf(t, <-done, Busy)
	}
	e.mu.Lock()
	s := e.seats[key{model: other.Model, person: "anna"}]
	w := s.worker
	e.mu.Unlock()
	if w != nil {
		<-w.gone
	}
	workerOf(t, e, other) // another person's stays
	// The control: who comes after it is answered.
	if _, _, err := collect(t.Context(), e, ask("deba", 2)); err != nil {
		t.Error(err)
	}
}
