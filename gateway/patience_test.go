package gateway

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is set by hand.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.at.Store(time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

func TestPausesDoubleUpToTheLongest(t *testing.T) {
	p := patience{free: 3, first: time.Second, longest: 10 * time.Second}
	for wrong, want := range map[int]time.Duration{0: 0, 3: 0, 4: time.Second, 5: 2 * time.Second, 6: 4 * time.Second, 7: 8 * time.Second, 8: 10 * time.Second, 70: 10 * time.Second, 1 << 40: 10 * time.Second} {
		if got := p.pause(wrong); got != want {
			t.Errorf("after %d: %v, want %v", wrong, got, want)
		}
	}
}

func TestGuessesAtOneAccountFromOneSource(t *testing.T) {
	c := newClock()
	by := newTries(c.now)
	g := guess{"198.51.100.7", "ada"}
	let := 0
	for range 1000 {
		if a, _ := by.enter(g); a != nil {
			let++
		}
	}
	if let != 6 {
		t.Errorf("%d of 1,000 at once were let through", let)
	}
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
		a, wait := by.enter(g)
		if a != nil || wait != want*time.Second {
			t.Fatalf("%v must be waited, want %v", wait, want*time.Second)
		}
		c.advance(wait - 1)
		if a, _ := by.enter(g); a != nil {
			t.Fatalf("let through a moment before %v", wait)
		}
		c.advance(1)
		if a, _ := by.enter(g); a == nil {
			t.Fatalf("not let through after %v", wait)
		}
	}
	// None of it is anybody else's.
	for _, other := range []guess{{"198.51.100.7", "bob"}, {"198.51.100.8", "ada"}, {"uid 1000", "ada"}} {
		a, wait := by.enter(other)
		if a == nil {
			t.Fatalf("%v must wait %v", other, wait)
		}
		a.right()
	}
	c.advance(forgetTries + time.Second)
	for range 6 {
		if a, _ := by.enter(g); a == nil {
			t.Fatal("it is not forgotten")
		}
	}
}

// Whatever the others do, who comes from a source of their own with the right
// secret comes in at the first try; and where they have come in, again.
func TestGuessesFromAThousandSources(t *testing.T) {
	c := newClock()
	by := newTries(c.now)
	home := guess{"203.0.113.1", "ada"}
	if a, _ := by.enter(home); a == nil {
		t.Fatal("the first")
	} else {
		a.right()
	}
	let := 0
	for round := range 10 {
		for i := range 1000 {
			if a, _ := by.enter(guess{fmt.Sprint("source ", i), "ada"}); a != nil {
				let++
			}
		}
		for _, from := range []string{"203.0.113.1", fmt.Sprint("new ", round)} {
			a, wait := by.enter(guess{from, "ada"})
			if a == nil {
				t.Fatalf("from %s: %v", from, wait)
			}
			a.right()
		}
	}
	if let != 1000 {
		t.Errorf("%d guesses of 10,000 were let through; each source has one", let)
	}
	c.advance(time.Minute)
	let = 0
	for i := range 1000 {
		if a, _ := by.enter(guess{fmt.Sprint("source ", i), "ada"}); a != nil {
			let++
		}
	}
	if let != 1 {
		t.Errorf("a minute later %d were let through", let)
	}
}

func TestGuessesAtManyAccountsFromOneSource(t *testing.T) {
	c := newClock()
	by := newTries(c.now)
	if a, _ := by.enter(guess{"loopback", "ada"}); a != nil {
		a.right()
	}
	let := 0
	for i := range 1000 {
		if a, _ := by.enter(guess{"loopback", fmt.Sprint("name ", i)}); a != nil {
			let++
		}
	}
	if let != 61 {
		t.Errorf("%d were let through", let)
	}
	if a, wait := by.enter(guess{"loopback", "ada"}); a == nil {
		t.Errorf("who came in from there before must wait %v", wait)
	}
	if a, wait := by.enter(guess{"loopback", "bob"}); a != nil || wait > time.Second {
		t.Errorf("who never did: %v", wait)
	}
	if a, _ := by.enter(guess{"uid 1000", "bob"}); a == nil {
		t.Error("another source must wait")
	}
}

func TestRightAndUnjudgedGuessesDoNotCount(t *testing.T) {
	by := newTries(newClock().now)
	g := guess{"loopback", "ada"}
	for i := range 1000 {
		a, wait := by.enter(g)
		if a == nil {
			t.Fatalf("%d: %v", i, wait)
		}
		if i%2 == 0 {
			a.unjudged()
		} else {
			a.right()
		}
	}
}

func TestNamesThatCountAsOne(t *testing.T) {
	for _, name := range []string{"Ada", "ADA", " ada ", "a\u200ada"[:1] + "da", "Ａｄａ"} {
		if got := accountKey([]byte(name)); got != "ada" {
			t.Errorf("%q: %q", name, got)
		}
	}
	if accountKey([]byte("straße")) != accountKey([]byte("STRASSE")) {
		t.Error("straße and STRASSE are two")
	}
	for _, name := range []string{"", "\x00\x1b[2J", "\xff\xfe", strings.Repeat("é", 5000)} {
		accountKey([]byte(name)) // whatever is sent
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	by := newTries(newClock().now)
	busy := guess{"loopback", "ada"}
	for range 6 {
		by.enter(busy)
	}
	for i := range 3 * mostTries {
		by.enter(guess{fmt.Sprint("source ", i), fmt.Sprint("name ", i)})
		if n := len(by.young) + len(by.old); n > mostTries {
			t.Fatalf("%d are remembered", n)
		}
		if i%1000 == 0 {
			if a, _ := by.enter(busy); a != nil {
				t.Fatalf("what is asked for again and again was forgotten after %d", i)
			}
		}
	}
}

func TestGuessesAtOneTime(t *testing.T) {
	by := newTries(newClock().now)
	var let atomic.Int32
	var wg sync.WaitGroup
	for range 1000 {
		wg.Go(func() {
			if a, _ := by.enter(guess{"loopback", "ada"}); a != nil {
				let.Add(1)
			}
		})
	}
	wg.Wait()
	if let.Load() != 6 {
		t.Errorf("%d of 1,000 were let through", let.Load())
	}
}
