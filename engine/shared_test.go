package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"abaton.local/models"
)

// sharedSlots is ours under policy pinned-slot.
func sharedSlots(t testing.TB, slots int, change func(*Config)) *ours {
	t.Helper()
	return ourHouse(t, func(c *Config) {
		c.Slots = slots
		if change != nil {
			change(c)
		}
	})
}

// between lets f stand between us and the engine, in front of whatever listens.
func (h *ours) between(f func(who Person, r *http.Request, next http.RoundTripper) (*http.Response, error)) {
	listens := h.e.wire
	h.e.wire = func(who Person, next http.RoundTripper) http.RoundTripper {
		heard := listens(who, next)
		return listener(func(r *http.Request) (*http.Response, error) { return f(who, r, heard) })
	}
}

// mayRemember changes questions so that the engine may use what it knows, though
// the slot is new to its owner: what is then known to it tells whether it was emptied.
func mayRemember(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	body = bytes.Replace(body, []byte(`"cache_prompt":false`), []byte(`"cache_prompt":true`), 1)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return nil
}

func question(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/completions") }

func erasing(r *http.Request) bool { return r.URL.Query().Get("action") == "erase" }

func probing(r *http.Request) bool { return r.URL.Path == "/completion" }

// replied is a reply that no engine gave.
func replied(code int, v any) *http.Response {
	b, _ := json.Marshal(v)
	return &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(b))}
}

// A slot that goes from one person to another knows nothing, even where the engine
// is let use what it knows; and its owner's own beginning is not read twice.
func TestASharedSlotIsHandedOverEmpty(t *testing.T) {
	x := &texts{random: rand.New(rand.NewPCG(7, 1))}
	h := sharedSlots(t, 1, nil)
	h.between(func(_ Person, r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if question(r) {
			if err := mayRemember(r); err != nil {
				return nil, err
			}
		}
		return next.RoundTrip(r)
	})
	secret := x.next(200)
	pid := 0
	for _, who := range []Person{"victim", "attacker", "victim", "attacker", "third"} {
		a, err := h.ask(t.Context(), who, secret+x.next(4), 2)
		if err != nil {
			t.Fatal(err)
		}
		now := h.e.Workers()
		if a.cached != 0 || a.read < 200 || len(now) != 1 || now[0].Person != who || pid != 0 && now[0].PID != pid {
			t.Errorf("%s: %d tokens known, %d read, %+v after process %d", who, a.cached, a.read, now, pid)
		}
		pid = now[0].PID
		if a, err = h.ask(t.Context(), who, secret+x.next(4), 2); err != nil || a.cached != 200 {
			t.Errorf("control: of one's own beginning of 200 tokens %d are known: %v", a.cached, err)
		}
	}
}

// Control of the above: where the engine says that it erased and did not, all of
// 200 tokens are known to the next person's question, and that is seen before a
// word of the answer is given. Nobody is served by that process again.
func TestASlotThatWasNotEmptiedServesNobody(t *testing.T) {
	x := &texts{random: rand.New(rand.NewPCG(8, 1))}
	for name, lie := range map[string]struct{ sees, remembers bool }{
		"the canary sees it":               {true, true},
		"the question itself sees it":      {false, true},
		"nothing sees it, nothing is used": {false, false},
	} {
		t.Run(name, func(t *testing.T) {
			told := make(chan struct{}, 8)
			h := sharedSlots(t, 1, nil)
			h.e.cfg.Unclean = func(models.Digest) { told <- struct{}{} }
			var first atomic.Int64 // the process that lies
			h.between(func(who Person, r *http.Request, next http.RoundTripper) (*http.Response, error) {
				lies := first.Load() != 0 && h.e.Workers() != nil && int64(h.e.Workers()[0].PID) == first.Load()
				switch {
				case erasing(r) && lies:
					return replied(200, map[string]int{"id_slot": 0, "n_erased": 1 << 20}), nil
				case probing(r) && lies && !lie.sees:
					return replied(200, map[string]any{"id_slot": 0, "timings": map[string]int{"cache_n": 0, "prompt_n": 8}}), nil
				case question(r) && lie.remembers:
					if err := mayRemember(r); err != nil {
						return nil, err
					}
				}
				return next.RoundTrip(r)
			})
			secret := x.next(200)
			if _, err := h.ask(t.Context(), "victim", secret+x.next(4), 2); err != nil {
				t.Fatal(err)
			}
			first.Store(int64(h.e.Workers()[0].PID))
			a, err := h.ask(t.Context(), "attacker", secret+x.next(4), 2)
			same := len(h.e.Workers()) > 0 && int64(h.e.Workers()[0].PID) == first.Load()
			switch {
			case lie.sees: // asked again by ourselves, of a new process
				if err != nil || a.cached != 0 || same || len(told) != 1 {
					t.Errorf("%d tokens known, the same process %v, told %d times: %v", a.cached, same, len(told), err)
				}
			case lie.remembers:
				if f := faultOf(t, err, BadReply); !strings.Contains(f.Detail, "knows what its owner did not say") || a.text != "" || same {
					t.Errorf("%+v, %q, the same process %v", f, a.text, same)
				}
			default:
				if err != nil || a.cached != 0 || a.read < 200 {
					t.Errorf("%d tokens known, %d read: %v", a.cached, a.read, err)
				}
			}
		})
	}
}

// Whatever goes wrong with erasing, the process is ended, and the next person is
// answered by another.
func TestWhereASlotCannotBeEmptiedTheEngineIsReplaced(t *testing.T) {
	slot0 := map[string]any{"id_slot": 0, "timings": map[string]int{"cache_n": 0, "prompt_n": 8}}
	faults := map[string]func(*http.Request) *http.Response{
		"not implemented": func(r *http.Request) *http.Response {
			if erasing(r) {
				return replied(501, map[string]any{"error": map[string]any{"code": 501, "type": "not_supported_error"}})
			}
			return nil
		},
		"no count": func(r *http.Request) *http.Response {
			if erasing(r) {
				return replied(200, map[string]int{"id_slot": 0})
			}
			return nil
		},
		"another slot": func(r *http.Request) *http.Response {
			if erasing(r) {
				return replied(200, map[string]int{"id_slot": 1, "n_erased": 1 << 20})
			}
			return nil
		},
		"too few": func(r *http.Request) *http.Response {
			if erasing(r) {
				return replied(200, map[string]int{"id_slot": 0, "n_erased": 3})
			}
			return nil
		},
		"the canary is known": func(r *http.Request) *http.Response {
			if probing(r) {
				return replied(200, map[string]any{"id_slot": 0, "timings": map[string]int{"cache_n": 1, "prompt_n": 7}})
			}
			return nil
		},
		"the canary is not counted": func(r *http.Request) *http.Response {
			if probing(r) {
				return replied(200, map[string]any{"id_slot": 0})
			}
			return nil
		},
		"the canary went elsewhere": func(r *http.Request) *http.Response {
			if probing(r) {
				slot0["id_slot"] = 1
				return replied(200, slot0)
			}
			return nil
		},
		"the canary stays": func(r *http.Request) *http.Response {
			if probing(r) { // and was never put: what is erased after it is nothing
				return replied(200, map[string]any{"id_slot": 0, "timings": map[string]int{"cache_n": 0, "prompt_n": 8}})
			}
			return nil
		},
		"it is gone": func(r *http.Request) *http.Response {
			if erasing(r) {
				return replied(200, "no object")
			}
			return nil
		},
	}
	x := &texts{random: rand.New(rand.NewPCG(9, 1))}
	h := sharedSlots(t, 1, nil)
	h.e.cfg.Patience.Crashes = 1000
	told := 0
	h.e.cfg.Unclean = func(models.Digest) { told++ }
	var fault func(*http.Request) *http.Response
	forever := false
	var mu sync.Mutex
	h.between(func(_ Person, r *http.Request, next http.RoundTripper) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		if fault != nil {
			if resp := fault(r); resp != nil {
				if !forever {
					fault = nil
				}
				return resp, nil
			}
		}
		if question(r) {
			if err := mayRemember(r); err != nil {
				return nil, err
			}
		}
		return next.RoundTrip(r)
	})
	for name, f := range faults {
		secret := x.next(60)
		if _, err := h.ask(t.Context(), "victim", secret+x.next(4), 2); err != nil {
			t.Fatal(name, err)
		}
		before, had := h.e.Workers()[0].PID, told
		mu.Lock()
		fault = f
		mu.Unlock()
		a, err := h.ask(t.Context(), "attacker", secret+x.next(4), 2)
		if err != nil || a.cached != 0 || h.e.Workers()[0].PID == before || told != had+1 {
			t.Errorf("%s: %d tokens known, process %d after %d, told %d times: %v", name, a.cached, h.e.Workers()[0].PID, before, told-had, err)
		}
	}
	// And where it always fails nobody is answered from a used slot.
	before := h.e.Workers()[0].PID
	mu.Lock()
	fault, forever = faults["not implemented"], true
	mu.Unlock()
	for i := range 3 {
		a, err := h.ask(t.Context(), resident(i), x.next(20), 2)
		if err != nil || a.cached != 0 || h.e.Workers()[0].PID == before {
			t.Errorf("%d tokens known: %v", a.cached, err)
		}
		before = h.e.Workers()[0].PID
	}
}

// Eight people share two slots, and each hears their own words alone.
func TestEightPeopleOnTwoSlotsHearTheirOwn(t *testing.T) {
	h := &ours{e: start(t, func(c *Config) { c.ContextTokens, c.Cores, c.Slots = 512, 2, 2 }), make: ask}
	h.tap.on(h.e)
	each := 6
	if raceDetector {
		each = 2
	}
	c, err := gossip{people: 8, each: each, at: 1}.run(t.Context(), h, 4)
	if err != nil {
		t.Fatal(err)
	}
	c.sound(t, 8*each)
	if n := len(h.e.Workers()); n != 2 {
		t.Errorf("%d people have a slot of two", n)
	}
}

func TestUnrulyPeopleOnTwoSlotsHearTheirOwn(t *testing.T) {
	h := &ours{e: start(t, func(c *Config) { c.ContextTokens, c.Cores, c.Slots = 512, 2, 2 }), make: ask}
	h.tap.on(h.e)
	c, err := gossip{people: 3, each: 8, at: 2, unruly: true}.run(t.Context(), h, 5)
	if err != nil {
		t.Fatal(err)
	}
	c.sound(t, 24)
	if c.left == 0 || c.tooLong == 0 {
		t.Errorf("%+v", c)
	}
}

// Who leaves while a slot is emptied for them, gets none: whoever comes to it
// next has it emptied again, they themselves too.
func TestALeftHandOverIsDoneAgain(t *testing.T) {
	x := &texts{random: rand.New(rand.NewPCG(10, 1))}
	h := sharedSlots(t, 1, nil)
	erased := make(chan struct{}, 16)
	var hold atomic.Bool
	h.between(func(_ Person, r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if erasing(r) {
			select {
			case erased <- struct{}{}:
			default:
			}
			if hold.CompareAndSwap(true, false) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
		}
		if question(r) {
			if err := mayRemember(r); err != nil {
				return nil, err
			}
		}
		return next.RoundTrip(r)
	})
	secret := x.next(100)
	if _, err := h.ask(t.Context(), "victim", secret+x.next(4), 2); err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	hold.Store(true)
	done := make(chan error)
	go func() { _, err := h.ask(ctx, "attacker", secret, 2); done <- err }()
	<-erased
	leave()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	for _, who := range []Person{"attacker", "victim"} {
		if a, err := h.ask(t.Context(), who, secret+x.next(4), 2); err != nil || a.cached != 0 {
			t.Errorf("%s: %d tokens known: %v", who, a.cached, err)
		}
	}
}

// A lock ends the shared engine once the answers under way are over, and breaks
// none of them: until then the words may be in its memory.
func TestALockEndsASharedEngineAfterOthersAnswers(t *testing.T) {
	h := sharedSlots(t, 2, nil)
	x := &texts{random: rand.New(rand.NewPCG(11, 1))}
	if _, err := h.ask(t.Context(), "anna", x.next(20), 2); err != nil {
		t.Fatal(err)
	}
	pid := h.e.Workers()[0].PID
	pieces := 0
	for _, err := range h.e.Generate(t.Context(), h.prompt("bela", x.next(20), 40)) {
		if err != nil {
			t.Fatal(err)
		}
		if pieces++; pieces == 1 {
			h.e.Leave("anna")
		}
	}
	if a, err := h.ask(t.Context(), "bela", x.next(20), 2); err != nil || a.cached != 0 {
		t.Errorf("%d tokens known: %v", a.cached, err)
	}
	if now := h.e.Workers(); pieces < 2 || len(now) != 1 || now[0].PID == pid || now[0].Person != "bela" {
		t.Errorf("%d pieces; %+v after process %d", pieces, now, pid)
	}
}

// People get slots in the order in which they came, though those who have one ask
// again and again.
func TestSlotsGoRound(t *testing.T) {
	h := sharedSlots(t, 1, nil)
	x := &texts{random: rand.New(rand.NewPCG(12, 1))}
	all := make([]string, 24)
	for i := range all {
		all[i] = x.next(8)
	}
	var mu sync.Mutex
	var order []Person
	var wait sync.WaitGroup
	for p := range 3 {
		wait.Go(func() {
			for i := range 8 {
				if _, err := h.ask(t.Context(), resident(p), all[8*p+i], 4); err != nil {
					t.Error(err)
				}
				mu.Lock()
				order = append(order, resident(p))
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	for i := range len(order) - 5 {
		for p := range 3 {
			if !slices.Contains(order[i:i+6], resident(p)) && i < 12 {
				t.Errorf("%s waits too long from %d on: %q", resident(p), i, order)
			}
		}
	}
}

// What a person does not want kept is emptied at once, and so is what lay idle
// for as long as they wanted a worker to be kept.
func TestASlotIsGivenUp(t *testing.T) {
	h := sharedSlots(t, 2, func(c *Config) { c.KeepAlive = 300 * time.Millisecond })
	x := &texts{random: rand.New(rand.NewPCG(13, 1))}
	clean := func() bool {
		h.e.mu.Lock()
		defer h.e.mu.Unlock()
		s := h.e.seats[key{model: h.prompt("anna", "", 0).Model, person: commons}]
		if s == nil || s.worker == nil {
			return true
		}
		return !slices.ContainsFunc(s.worker.slots.slots, func(p slot) bool { return p.owner == "anna" || p.owner == commons && p.dirty })
	}
	for _, keep := range []*time.Duration{new(time.Duration(0)), nil} {
		p := h.prompt("anna", x.next(20), 2)
		p.KeepAlive = keep
		if _, _, err := collect(t.Context(), h.e, p); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); !clean(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("keep_alive %v: the slot is not emptied", keep)
			}
		}
	}
}

func TestSlotsAreBounded(t *testing.T) {
	for _, n := range []int{-1, maxSlots + 1} {
		c := Config{Jail: jail, Pack: pack, Shelf: shelf, Slots: n, LinkDir: ".", Log: slog.New(slog.DiscardHandler)}
		if _, err := New(c); err == nil {
			t.Error(fmt.Sprint(n, " slots are taken"))
		}
	}
}

// forbids tells whether a question may use nothing that its slot knows.
func forbids(t *testing.T, r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return bytes.Contains(body, []byte(`"cache_prompt":false`))
}
