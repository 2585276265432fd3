package engine

import (
	"context"
	"testing"

	"abaton.local/sandbox"
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
	eventually(t, func() bool { return e.inside(ask("", 0)) == 4 })
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

// Workers that are ended while they start did not crash: whoever locks their
// vault, or asks and hangs up, a few times in a row is not shut out for it.
func TestEndedWhileStartingIsNoCrash(t *testing.T) {
	e, ask := startTiny(t, nil, nil)
	p := ask("bado", 1)
	launch, starting := e.launch, make(chan struct{})
	e.launch = func(ctx context.Context, _ sandbox.Spec) (*sandbox.Process, error) {
		starting <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for range 10 {
		left := make(chan error, 1)
		go func() {
			_, _, err := collect(t.Context(), e, p)
			left <- err
		}()
		select {
		case <-starting:
		case err := <-left:
			t.Fatalf("it is not even begun: %v", err)
		}
		e.Leave(p.Person)
		if err := <-left; err == nil {
			t.Fatal("it was answered by nobody")
		}
	}
	eventually(t, func() bool { return !e.working(p) })
	e.launch = launch
	if _, _, err := collect(t.Context(), e, p); err != nil {
		t.Error(err)
	}
}

func (e *Engine) working(p Prompt) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.seats[key{model: p.Model, person: p.Person}]
	return s != nil && s.worker != nil
}
