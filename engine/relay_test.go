package engine

import (
	"context"
	"errors"
	"testing"
	"time"
)

// slowly has a reader take the first piece of an answer and stop there, until it
// is let on. Told gives the whole then.
func slowly(t *testing.T, e *Engine, p Prompt) (on func(), told func() (string, Delta, error)) {
	t.Helper()
	begun, let := make(chan struct{}), make(chan struct{})
	type heard struct {
		text string
		last Delta
		err  error
	}
	done := make(chan heard, 1)
	go func() {
		var h heard
		first := false
		for d, err := range e.Generate(t.Context(), p) {
			h.text, h.last, h.err = h.text+d.Text, d, err
			if !first {
				first = true
				close(begun)
				<-let
			}
		}
		done <- h
	}()
	select {
	case <-begun:
	case h := <-done:
		t.Fatal(h.err)
	}
	return func() { close(let) }, func() (string, Delta, error) { h := <-done; return h.text, h.last, h.err }
}

// impatient makes an engine that has one worker and soon reads ahead.
func impatient(t *testing.T, behind int) (*Engine, func(string, int) Prompt) {
	t.Helper()
	e, ask := startTiny(t, nil, func(c *Config) {
		c.MaxWorkers = 1
		c.Patience.Probe, c.Patience.Reader, c.Patience.Unread = 10*time.Millisecond, time.Millisecond, 50*time.Millisecond
		c.Patience.Misses = 1 << 30
	})
	e.behind = behind
	return e, ask
}

// Somebody who asks and then does not read held the worker, and with it the
// memory, for as long as they liked. Now the answer is made without them: the next
// person is answered meanwhile, and who was slow still hears every word.
func TestASlowReaderKeepsNobody(t *testing.T) {
	e, ask := impatient(t, mostBehind)
	p := ask("bado", 200)
	want, _, err := collect(t.Context(), e, p)
	if err != nil {
		t.Fatal(err)
	}
	on, told := slowly(t, e, p)
	bela := ask("deba", 2)
	bela.Person = "bela"
	if _, _, err := collect(t.Context(), e, bela); err != nil {
		t.Errorf("while another does not read: %v", err)
	}
	if n := e.turns.share(); n != 1 || e.inside(p) != 0 {
		t.Errorf("%d share the processor, %d have the seat", n, e.inside(p))
	}
	on()
	if text, last, err := told(); err != nil || text != want || last.Usage.AnswerTokens != 200 {
		t.Errorf("%v, %d tokens: %q, not %q", err, last.Usage.AnswerTokens, text, want)
	}
	if len(e.relays) != 0 {
		t.Errorf("%d relays are left", len(e.relays))
	}
}

// Nor does it keep its memory from others for ever. Its own person's next question
// is no reason to break it off.
func TestWhatIsNotReadIsBrokenOff(t *testing.T) {
	e, ask := impatient(t, 1)
	on, told := slowly(t, e, ask("bado", 0))
	own, stop := context.WithTimeout(t.Context(), 5*e.cfg.Patience.Unread)
	defer stop()
	if _, _, err := collect(own, e, ask("deba", 2)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("their own next question: %v", err)
	}
	bela := ask("deba", 2)
	bela.Person = "bela"
	if _, _, err := collect(t.Context(), e, bela); err != nil {
		t.Error(err)
	}
	on()
	_, _, err := told()
	faultOf(t, err, Unread)
}

// What was read ahead goes with the lock of its person's vault.
func TestWhatIsReadAheadIsForgotten(t *testing.T) {
	e, ask := impatient(t, mostBehind)
	p := ask("bado", 100)
	on, told := slowly(t, e, p)
	eventually(t, func() bool { return e.inside(p) == 0 })
	e.Leave("bela")
	e.Leave(p.Person)
	e.mu.Lock()
	for r := range e.relays {
		r.mu.Lock()
		if len(r.waiting) != 1 || r.waiting[0].Text != "" {
			t.Errorf("%d pieces are left", len(r.waiting))
		}
		r.mu.Unlock()
	}
	if len(e.relays) != 1 {
		t.Errorf("%d relays", len(e.relays))
	}
	e.mu.Unlock()
	on()
	_, _, err := told()
	faultOf(t, err, Busy)
}

// Whoever leaves while the rest is read for them ends the engine's work.
func TestLeavingWhatIsReadAhead(t *testing.T) {
	e, ask := impatient(t, 1)
	p := ask("bado", 0)
	for _, err := range e.Generate(t.Context(), p) {
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool {
			e.mu.Lock()
			defer e.mu.Unlock()
			return len(e.relays) == 1
		})
		break
	}
	if e.inside(p) != 0 || len(e.relays) != 0 {
		t.Errorf("%d have the seat, %d relays", e.inside(p), len(e.relays))
	}
	if _, _, err := collect(t.Context(), e, ask("deba", 2)); err != nil {
		t.Error(err)
	}
}

// eventually waits for a condition that others bring about.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for !ok() {
		if t.Context().Err() != nil {
			t.Fatal("it does not come about")
		}
		time.Sleep(time.Millisecond)
	}
}
