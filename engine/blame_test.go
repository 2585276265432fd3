package engine

import (
	"net/http"
	"sync/atomic"
	"testing"
)

// crashesOf counts what is held against people's seats, and against a question.
func crashesOf(t *testing.T, e *Engine, p Prompt) (seats map[Person]int, question int) {
	t.Helper()
	id, err := e.fingerprint(p)
	if err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	seats = map[Person]int{}
	for k, s := range e.seats {
		if n := len(s.circuit.crashes); n > 0 {
			seats[k.person] = n
		}
	}
	return seats, e.suspect[id]
}

// conversation is a conversation of one message.
func conversation(h *ours, who Person, text string, most int) Prompt {
	p := h.prompt(who, "", most)
	p.Messages = []Message{{Role: User, Content: text}}
	return p
}

func busySlots(e *Engine) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for k, s := range e.seats {
		if k.person != commons || s.worker == nil {
			continue
		}
		for _, p := range s.worker.slots.slots {
			if p.busy {
				n++
			}
		}
	}
	return n
}

// Of several who were at work in a shared engine when it crashed nobody is blamed.
// Each is asked alone from then on: the innocent is answered, the guilty found.
func TestACrashInCompanyIsNobodys(t *testing.T) {
	h := sharedSlots(t, 2, nil)
	h.e.encode = encodeDeadly
	arrived, crash := make(chan struct{}), make(chan struct{})
	var belas, annas, company atomic.Int64
	h.between(func(who Person, r *http.Request, next http.RoundTripper) (*http.Response, error) {
		switch {
		case !question(r):
		case who == "bela" && belas.Add(1) == 1:
			close(arrived) // it is at work, and has heard nothing
			<-crash
		case who == "anna":
			if annas.Add(1) > 1 && busySlots(h.e) != 1 {
				company.Add(1)
			}
			resp, err := next.RoundTrip(r)
			if annas.Load() == 1 {
				close(crash)
			}
			return resp, err
		}
		return next.RoundTrip(r)
	})
	innocent, deadly := conversation(h, "bela", "bado", 4), conversation(h, "anna", deadly, 4)
	done := make(chan error)
	go func() { _, _, err := collect(t.Context(), h.e, innocent); done <- err }()
	<-arrived
	_, _, err := collect(t.Context(), h.e, deadly)
	faultOf(t, err, Crashed) // once in company, once alone
	if err := <-done; err != nil {
		t.Errorf("who was there when it crashed: %v", err)
	}
	seats, n := crashesOf(t, h.e, deadly)
	if _, other := crashesOf(t, h.e, innocent); n != 1 || other != 0 || seats[commons] != 1 || seats["anna"] != 1 || seats["bela"] != 0 {
		t.Errorf("held against the question %d, against the other's %d; against %v", n, other, seats)
	}
	// Asked again it is alone from the first, and is refused then.
	_, _, err = collect(t.Context(), h.e, deadly)
	faultOf(t, err, Poison)
	if _, _, err := collect(t.Context(), h.e, innocent); err != nil {
		t.Error(err)
	}
	if company.Load() != 0 || annas.Load() != 3 {
		t.Errorf("asked %d times, %d of them not alone", annas.Load(), company.Load())
	}
	h.e.mu.Lock()
	defer h.e.mu.Unlock()
	if n := len(h.e.apart); n != 1 {
		t.Errorf("%d questions are asked alone from now on, not the guilty one", n)
	}
}

// Who crashes a shared engine when nobody else is at work waits by themselves.
func TestWhoCrashesAloneWaitsAlone(t *testing.T) {
	h := sharedSlots(t, 2, func(c *Config) { c.Patience.Crashes = 2 })
	h.e.encode = encodeDeadly
	_, _, err := collect(t.Context(), h.e, conversation(h, "anna", deadly, 4))
	faultOf(t, err, Poison)
	_, _, err = collect(t.Context(), h.e, conversation(h, "anna", "bado", 4))
	faultOf(t, err, Paused)
	if _, _, err := collect(t.Context(), h.e, conversation(h, "bela", "bado", 4)); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	if seats, _ := crashesOf(t, h.e, conversation(h, "bela", "bado", 4)); seats[commons] != 0 || seats["anna"] != 2 {
		t.Errorf("held against %v", seats)
	}
}
