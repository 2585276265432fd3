package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// Ways in which llama.cpp was seen to mix up conversations, written anew from the
// public reports. Neither report is of a processor: the first is of hybrid models
// on graphics cards, the second of graphics that share the machine's memory.
// docs/crosstalk.md says what of them shows itself on an engine as it comes.

// stale is llama.cpp #27148: many conversations are over, and then two unrelated
// ones come at the same time, again and again. It gives the answers that hold
// words of a conversation that was over, and how often one answered with its own.
func stale(ctx context.Context, h house, seeds, rounds int) (old []string, own, asked int, err error) {
	for i := range seeds {
		if _, err := h.ask(ctx, resident(i%2), repeated(fmt.Sprintf("9%07d", spread(uint64(i)))), canaryDigits); err != nil {
			return nil, 0, 0, err
		}
	}
	var mu sync.Mutex
	for r := range rounds {
		var two sync.WaitGroup
		for j := range 2 {
			two.Go(func() {
				canary := fmt.Sprintf("%d%07d", j+1, spread(uint64(1000+2*r+j)))
				a, aerr := h.ask(ctx, resident(4+j), repeated(canary), canaryDigits)
				mu.Lock()
				defer mu.Unlock()
				if asked++; strings.Contains(a.text, canary[1:]) {
					own++
				}
				for i := range seeds {
					if strings.Contains(a.text, fmt.Sprintf("%07d", spread(uint64(i)))) {
						old = append(old, a.text)
					}
				}
				err = errors.Join(err, aerr)
			})
		}
		two.Wait()
	}
	return old, own, asked, err
}

func TestNoWordsOfWhatIsOver(t *testing.T) {
	old, own, asked, err := stale(t.Context(), smolHouse(t), 6, 4)
	if err != nil || len(old) > 0 || own < asked*9/10 {
		t.Errorf("%q; %d of %d answered with their own; %v", old, own, asked, err)
	}
}

// residue is llama.cpp #28056: a long text read in many batches, an unrelated one
// read the same way, and the first once more. It gives how many answers differ from
// what a new engine says to the same: right after it, where all but the last token
// is known and the rest is computed in another batch, and after the other text.
func residue(ctx context.Context, fresh func() house, h house, x *texts, rounds, tokens int) (again, after int, err error) {
	for range rounds {
		text := x.next(tokens)
		want, err := fresh().ask(ctx, "anna", text, 24)
		if err != nil {
			return 0, 0, err
		}
		for i, other := range []bool{false, true, false} {
			put := text
			if other {
				put = x.next(tokens + 37)
			}
			got, err := h.ask(ctx, "anna", put, 24)
			if err != nil {
				return 0, 0, err
			}
			switch {
			case other || got.text == want.text:
			case i == 0:
				again++
			default:
				after++
			}
		}
	}
	return again, after, nil
}

// Another conversation before it, a person's own, changes nothing in an answer: all
// is read anew in the same batches. The control: a text
// that differs in its first token has another answer.
func TestNoResidueOfAnotherConversation(t *testing.T) {
	e, make := startTiny(t, plainStart, nil)
	e.extra = []string{"-b", "64", "-ub", "64"} // many batches
	h := &ours{e: e, make: func(text string, most int) Prompt {
		p := make(text, most)
		p.Options.Temperature = new(2.0) // its likeliest answer is the same to everything
		return p
	}}
	h.tap.on(e)
	x := &texts{random: rand.New(rand.NewPCG(5, 1))}
	fresh := func() house { e.Leave("anna"); return h }
	if again, after, err := residue(t.Context(), fresh, h, x, 4, 500); err != nil || again+after > 0 {
		t.Errorf("%d answers differ right after, %d after another: %v", again, after, err)
	}
	text := x.next(500)
	a, err := h.ask(t.Context(), "anna", text, 24)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := h.ask(t.Context(), "anna", "zz"+text[2:], 24); err != nil || b.text == a.text {
		t.Errorf("control: another text has the same answer: %q %v", b.text, err)
	}
}
