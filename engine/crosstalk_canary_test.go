package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// gossip is people who all ask at the same time. Each question holds a canary, a
// new number that is the person's own, and asks to say it once more.
type gossip struct {
	people int
	each   int  // questions of a person
	at     int  // questions of a person at one time
	unruly bool // some answers are left, and some questions are too long
}

// heardOf is what came of it.
type heardOf struct {
	asked, copied, left, tooLong int
	own                          int      // answers with their own canary
	foreign                      []string // answers with somebody else's
}

func resident(i int) Person { return Person(fmt.Sprintf("person %d", i)) }

// repeated is a text that SmolLM2 goes on with by copying the number: 35 tokens.
// The first digit, which says whose it is, is given.
func repeated(canary string) string {
	return strings.Repeat(`"`+canary+"\"\n", 3) + `"` + canary[:1]
}

// spread gives numbers of seven digits that look alike nowhere, and never twice.
func spread(n uint64) uint64 { return n * 6180339 % 10_000_000 }

const (
	canaryDigits = 8
	tooLongTimes = 40 // so often repeated it does not fit the context of these tests
)

// run has them ask, and looks through each answer for all canaries that were made.
func (g gossip) run(ctx context.Context, h house, seed uint64) (heardOf, error) {
	var mu sync.Mutex
	var c heardOf
	var failed []error
	var wait sync.WaitGroup
	owner := map[string]int{} // of a canary without its first digit
	type answer struct {
		who  int
		text string
	}
	var answers []answer
	for place := range g.people * g.at {
		who := place / g.at
		wait.Go(func() {
			for i := range g.each / g.at {
				canary := fmt.Sprintf("%d%07d", who+1, spread(seed*1_000_000+uint64(place*g.each+i)))
				text := repeated(canary)
				ctx, unruly := ctx, 0
				if g.unruly {
					unruly = i%4 + 1
				}
				switch unruly {
				case 2:
					text = strings.Repeat(text, tooLongTimes)
				case 3:
					ctx = context.WithValue(ctx, leaving{}, true)
				}
				a, err := h.ask(ctx, resident(who), text, canaryDigits)
				mu.Lock()
				owner[canary[1:]] = who
				answers = append(answers, answer{who, a.text})
				c.asked++
				fault, _ := errors.AsType[*Fault](err)
				switch {
				case unruly == 2 && fault != nil && fault.Kind == TooLong:
					c.tooLong++
				case err != nil:
					failed = append(failed, err)
				case unruly == 3:
					c.left++
				default:
					c.copied++
					if strings.Contains(a.text, canary[1:]) {
						c.own++
					}
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	for _, a := range answers {
		for canary, of := range owner {
			if of != a.who && strings.Contains(a.text, canary) {
				c.foreign = append(c.foreign, fmt.Sprintf("%s heard %s's: %q", resident(a.who), resident(of), a.text))
			}
		}
	}
	return c, errors.Join(failed...)
}

// leaving marks a question whose answer is left after its first piece.
type leaving struct{}

// smolHouse is ours with SmolLM2.
func smolHouse(t testing.TB) *ours {
	t.Helper()
	h := &ours{e: start(t, func(c *Config) { c.ContextTokens, c.Cores = 512, 2 }), make: ask}
	h.tap.on(h.e)
	return h
}

// sound holds what was heard against what was asked.
func (c heardOf) sound(t *testing.T, asked int) {
	t.Helper()
	t.Logf("%d asked, %d to be copied, %d with their own canary, %d left, %d too long, %d foreign", c.asked, c.copied, c.own, c.left, c.tooLong, len(c.foreign))
	if c.asked != asked || c.own < c.copied*9/10 {
		t.Errorf("of %d questions %d were asked; %d of %d copied their own canary", asked, c.asked, c.own, c.copied)
	}
	for _, f := range c.foreign {
		t.Error(f)
	}
}

// Eight people ask at the same time, and each hears their own words alone.
func TestEightPeopleHearTheirOwn(t *testing.T) {
	h := smolHouse(t)
	each := 50
	if raceDetector {
		each = 5 // the whole count runs without it
	}
	c, err := gossip{people: 8, each: each, at: 1}.run(t.Context(), h, 1)
	if err != nil {
		t.Fatal(err)
	}
	c.sound(t, 8*each)
	h.unsteered(t)
}

// So it is where people leave in the middle, ask two things at once, and ask for
// more than fits.
func TestUnrulyPeopleHearTheirOwn(t *testing.T) {
	c, err := gossip{people: 3, each: 16, at: 2, unruly: true}.run(t.Context(), smolHouse(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	c.sound(t, 48)
	if c.left == 0 || c.tooLong == 0 {
		t.Errorf("%+v", c)
	}
}

// The control: where the engine answers one person with what another's worker
// said, once in a while, it is seen.
func TestAMixUpIsSeen(t *testing.T) {
	h := smolHouse(t)
	var mu sync.Mutex
	var last []byte // what the first person's worker said
	swapped := 0
	h.tap.change = func(who Person, said []byte) []byte {
		mu.Lock()
		defer mu.Unlock()
		if who == resident(0) {
			last = bytes.Clone(said)
		} else if swapped++; swapped == 3 && last != nil {
			return last
		}
		return said
	}
	c, err := gossip{people: 2, each: 6, at: 1}.run(t.Context(), h, 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.foreign) != 1 {
		t.Errorf("one mix-up, and seen are %q of %+v", c.foreign, c)
	}
}
