package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"abaton.local/models"
)

// A question that is broken off before the engine reads it leaves in the slot what
// was there. An engine that erases nothing is seen by that, though another text was
// asked last.
func TestWhatIsBrokenOffHidesNothing(t *testing.T) {
	x := &texts{random: rand.New(rand.NewPCG(14, 1))}
	told := make(chan struct{}, 8)
	h := sharedSlots(t, 1, func(c *Config) { c.Unclean = func(models.Digest) { told <- struct{}{} } })
	var breaks, lies atomic.Bool
	gone := make(chan struct{}, 1)
	h.between(func(_ Person, r *http.Request, next http.RoundTripper) (*http.Response, error) {
		switch {
		case question(r) && breaks.Load():
			gone <- struct{}{}
			<-r.Context().Done()
			return nil, r.Context().Err()
		case erasing(r) && lies.Load():
			return replied(200, map[string]int{"id_slot": 0, "n_erased": 1 << 20}), nil
		case probing(r) && len(told) == 0:
			defer lies.Store(false) // the next process is honest
		}
		return next.RoundTrip(r)
	})
	if _, err := h.ask(t.Context(), "victim", x.next(200), 2); err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	breaks.Store(true)
	go func() { <-gone; leave() }()
	if _, err := h.ask(ctx, "victim", x.next(200), 2); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	breaks.Store(false)
	lies.Store(true)
	if a, err := h.ask(t.Context(), "attacker", x.next(20), 2); err != nil || a.cached != 0 || len(told) != 1 {
		t.Errorf("%d tokens known, told %d times: %v", a.cached, len(told), err)
	}
}

// Nor does it count as its owner's first one: until the engine said that it knows
// nothing, it may use nothing.
func TestTheFirstQuestionIsOneThatWasRead(t *testing.T) {
	x := &texts{random: rand.New(rand.NewPCG(15, 1))}
	h := sharedSlots(t, 1, nil)
	var breaks atomic.Bool
	var anew []bool
	h.between(func(_ Person, r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if question(r) {
			anew = append(anew, forbids(t, r))
			if breaks.CompareAndSwap(true, false) {
				return replied(503, map[string]any{"error": map[string]any{"code": 503, "type": "unavailable_error"}}), nil
			}
		}
		return next.RoundTrip(r)
	})
	breaks.Store(true)
	if _, err := h.ask(t.Context(), "anna", x.next(20), 2); err == nil {
		t.Fatal("it was not refused")
	}
	for range 2 {
		if _, err := h.ask(t.Context(), "anna", x.next(20), 2); err != nil {
			t.Fatal(err)
		}
	}
	if len(anew) != 3 || !anew[0] || !anew[1] || anew[2] {
		t.Errorf("forbidden to use what is known: %v", anew)
	}
}

// An engine reads the last token of any text anew, so of a text of one token it
// would be said to know nothing, though it was not erased.
func TestOneTokenIsNotForgottenUnseen(t *testing.T) {
	h := sharedSlots(t, 1, nil)
	var lies atomic.Bool
	h.between(func(_ Person, r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if erasing(r) && lies.Load() {
			return replied(200, map[string]int{"id_slot": 0, "n_erased": 1 << 20}), nil
		}
		return next.RoundTrip(r)
	})
	if _, err := h.ask(t.Context(), "victim", "b", 4); err != nil {
		t.Fatal(err)
	}
	s := h.e.gather(&seat{key: key{model: h.prompt("victim", "", 0).Model}})
	ids, err := s.worker.client.whole(t.Context(), "b")
	if err != nil || len(ids) != 1 {
		t.Fatalf("%d tokens: %v", len(ids), err)
	}
	lies.Store(true)
	if _, ok := errors.AsType[*uncleanSlot](s.worker.client.empty(t.Context(), 0, []string{"b"}, 1)); !ok {
		t.Error("a slot that was not erased is taken for empty")
	}
	h.e.scatter(s, &seat{})
}

// Who does not read a long answer keeps their slot from nobody for ever.
func TestASlotIsNotHeldByAnUnreadAnswer(t *testing.T) {
	h := sharedSlots(t, 1, func(c *Config) {
		c.Patience.Probe, c.Patience.Reader, c.Patience.Unread = 10*time.Millisecond, time.Millisecond, 50*time.Millisecond
		c.Patience.Misses = 1 << 30
		c.ContextTokens = 4096
	})
	h.e.behind = 1
	x := &texts{random: rand.New(rand.NewPCG(16, 1))}
	on, told := slowly(t, h.e, h.prompt("anna", x.next(8), 3500)) // longer than what comes before anybody looks
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if _, err := h.ask(ctx, "bela", x.next(8), 2); err != nil {
		t.Error(err)
	}
	on()
	_, _, err := told()
	faultOf(t, err, Unread)
}

// Until when one's slot is kept says nothing of when others asked.
func TestOthersDoNotMoveMyTime(t *testing.T) {
	h := sharedSlots(t, 2, nil)
	x := &texts{random: rand.New(rand.NewPCG(17, 1))}
	var before time.Time
	for _, who := range []Person{"anna", "bela"} {
		if _, err := h.ask(t.Context(), who, x.next(8), 2); err != nil {
			t.Fatal(err)
		}
		for _, w := range h.e.Workers() {
			switch {
			case w.Person == "anna" && before.IsZero():
				before = w.Until
			case w.Person == "anna" && !w.Until.Equal(before):
				t.Errorf("%s before another asked, %s after", before, w.Until)
			}
		}
	}
}

// What was said before a lock and is taken after it is not kept.
func TestNothingIsReadAheadAfterALock(t *testing.T) {
	e := &Engine{relays: map[*relay]struct{}{}}
	_, cancel := context.WithCancelCause(t.Context())
	r := &relay{e: e, cancel: cancel, news: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	r.forget()
	r.add(spoken{Delta: Delta{Text: "word"}})
	if len(r.waiting) != 1 || r.waiting[0].Text != "" {
		t.Errorf("%+v is kept", r.waiting)
	}
}

// Who is told to read ahead is found by a lock from then on.
func TestALockFindsWhatIsAboutToBeReadAhead(t *testing.T) {
	e := &Engine{relays: map[*relay]struct{}{}, behind: 1}
	ctx, cancel := context.WithCancelCause(t.Context())
	let := make(chan struct{})
	r := &relay{e: e, ctx: ctx, cancel: cancel, rest: func(bool) {}, news: make(chan struct{}, 1), room: make(chan struct{}, 1),
		next: func() (Delta, error, bool) { <-let; return Delta{}, nil, false }}
	r.ahead()
	e.mu.Lock()
	if len(e.relays) != 1 {
		t.Error("a lock does not find it")
	}
	e.mu.Unlock()
	close(let)
	<-r.done
}
