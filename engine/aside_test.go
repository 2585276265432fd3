package engine

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// aTitle is what a program asks beside a conversation.
func aTitle(p Prompt, keep bool) Prompt {
	p.Messages = []Message{{Role: User, Content: "A title, please."}}
	p.Keep, p.Options.MaxTokens = keep, 4
	return p
}

// long is a conversation of more tokens than are worth putting aside.
var long = lighthouse

// startListening is startKeeping, with a tap that tells how much of each prompt was
// known.
func startListening(t testing.TB) (*Engine, *drawer, *tap, func(string, int) Prompt) {
	t.Helper()
	e, d, ask := startKeeping(t)
	tap := new(tap)
	tap.on(e)
	return e, d, tap, ask
}

func (t *tap) known(p Prompt) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last[p.Person].cached
}

// A program's question for a title had the worker read the whole conversation again,
// each time. It is known afterwards, with and without a vault, and the answer is that
// which it would have been.
func TestASideQuestionForgetsNothing(t *testing.T) {
	for _, keep := range []bool{true, false} {
		e, d, tap, ask := startListening(t)
		p := ask(long, 8)
		talk := func(p Prompt) Prompt {
			p.Keep = keep
			answer, _, err := collect(t.Context(), e, p)
			if err != nil {
				t.Fatal(err)
			}
			p.Messages = append(slices.Clone(p.Messages), Message{Role: Assistant, Content: answer}, Message{Role: User, Content: "Go on."})
			return p
		}
		on := talk(p)
		read := workerOf(t, e, p).talk.tokens
		if read < leastAside {
			t.Fatalf("only %d tokens", read)
		}
		talk(aTitle(p, keep))
		if known := tap.known(p); known > 64 {
			t.Errorf("of the side question %d tokens were known", known)
		}
		want := ""
		plain, _ := startTiny(t, nil, nil)
		if want, _, _ = collect(t.Context(), plain, on); want == "" {
			t.Fatal("no answer")
		}
		further := talk(on)
		if known := tap.known(p); known < read-16 || further.Messages[3].Content != want {
			t.Errorf("of %d tokens %d were known; %q, anew %q", read, known, further.Messages[3].Content, want)
		}
		e.mu.Lock()
		if a := e.seats[key{model: p.Model, person: p.Person}].worker.aside; a != nil {
			t.Errorf("it still lies aside: %d bytes", a.size)
		}
		e.mu.Unlock()
		if _, opened := d.look(); opened != 0 {
			t.Errorf("opened %d times", opened)
		}
	}
}

// What lies aside is kept when its worker ends, and nothing of whoever keeps nothing.
func TestWhatLiesAsideIsKept(t *testing.T) {
	for _, keep := range []bool{true, false} {
		e, d, _, ask := startListening(t)
		p := ask(long, 4)
		p.Keep = keep
		if _, _, err := collect(t.Context(), e, p); err != nil {
			t.Fatal(err)
		}
		own := workerOf(t, e, p).talk.tokens
		next := aTitle(p, true)
		if keep {
			next = p // the same words of a guest: of theirs nothing is kept
			next.Keep = false
		}
		if _, _, err := collect(t.Context(), e, next); err != nil {
			t.Fatal(err)
		}
		if a := workerOf(t, e, p).aside; a == nil || !a.done || a.talk.keep != keep {
			t.Fatalf("%+v", a)
		}
		evict(t, e, p)
		kept, _ := d.look()
		if keep && (len(kept) != 1 || kept[0].Tokens > own) || !keep && len(kept) != 0 {
			t.Errorf("kept: %+v", kept)
		}
	}
}

// Two long conversations by turns are each read once.
func TestTwoConversationsByTurns(t *testing.T) {
	e, _, tap, ask := startListening(t)
	var at [2]Prompt
	for i, name := range []string{"One. ", "Two. "} {
		_, at[i] = talkTo(t, e, ask(name+long, 4), "Go on.")
	}
	for round := range 4 {
		i := round % 2
		if _, at[i] = talkTo(t, e, at[i], "Go on."); tap.known(at[i]) < leastAside {
			t.Errorf("round %d: %d tokens were known", round, tap.known(at[i]))
		}
	}
}

// What lies aside counts as memory, and goes before anybody's worker does; and it goes
// with what its person deletes.
func TestWhatLiesAsideGoesFirst(t *testing.T) {
	e, _, _, ask := startListening(t)
	p := ask(long, 4)
	aside := func() *worker {
		t.Helper()
		if _, _, err := collect(t.Context(), e, p); err != nil {
			t.Fatal(err)
		}
		e.mu.Lock()
		before, _ := e.used(nil, false)
		e.mu.Unlock()
		if _, _, err := collect(t.Context(), e, aTitle(p, false)); err != nil {
			t.Fatal(err)
		}
		w := workerOf(t, e, p)
		e.mu.Lock()
		defer e.mu.Unlock()
		if bytes, _ := e.used(nil, false); w.aside == nil || bytes < before+w.aside.size/2 {
			t.Fatalf("%d bytes before, %d now", before, bytes)
		}
		return w
	}
	w := aside()
	bela := ask("bado", 2)
	bela.Person = "bela"
	e.mu.Lock()
	// Room for one more like it, but not beside what lies aside.
	s := &seat{key: key{model: p.Model, person: bela.Person}, context: w.context}
	bytes, _ := e.used(s, false)
	e.cfg.Memory = bytes - w.aside.size/2
	e.mu.Unlock()
	if _, _, err := collect(t.Context(), e, bela); err != nil {
		t.Error(err)
	}
	e.mu.Lock()
	if w.life.Err() != nil || w.aside != nil {
		t.Errorf("the worker: %v, aside: %v", w.life.Err(), w.aside)
	}
	e.cfg.Memory = 8 << 30
	e.mu.Unlock()
	aside()
	e.Forget(p.Person)
	e.mu.Lock()
	if w.aside != nil {
		t.Error("what was deleted lies aside")
	}
	e.mu.Unlock()
}

// BenchmarkSideQuestion is the next turn of a conversation after a title was asked
// for in between, with what was read put aside and without.
func BenchmarkSideQuestion(b *testing.B) {
	for _, aside := range []bool{true, false} {
		b.Run(map[bool]string{true: "aside", false: "again"}[aside], func(b *testing.B) {
			e := start(b, func(c *Config) { c.Keeper, c.ContextTokens = &drawer{}, 4096 })
			on := ask(strings.Repeat(lighthouse, 7), 4)
			on.Messages = append(on.Messages, Message{Role: Assistant, Content: "Noted."}, Message{Role: User, Content: "Go on."})
			first := func(p Prompt) time.Duration {
				began := time.Now()
				for _, err := range e.Generate(b.Context(), p) {
					if err != nil {
						b.Fatal(err)
					}
					break
				}
				return time.Since(began)
			}
			var side, next time.Duration
			size, spent, tokens := int64(0), int64(0), 0
			for b.Loop() {
				if _, _, err := collect(b.Context(), e, on); err != nil {
					b.Fatal(err)
				}
				w := workerOf(b, e, on)
				e.mu.Lock()
				w.noAside, tokens = !aside, w.talk.tokens
				e.mu.Unlock()
				side += first(aTitle(on, false))
				e.mu.Lock()
				if w.aside != nil {
					size = w.aside.size
				}
				e.mu.Unlock()
				before, _ := cpuTime(w.proc.PID())
				next += first(on)
				after, _ := cpuTime(w.proc.PID())
				spent += after - before
			}
			b.Logf("MEASURED a conversation of %d tokens, %.1f MB aside: first piece of the title after %v, of the next turn after %v, in which the engine computed for %d ms", tokens, float64(size)/1e6,
				(side / time.Duration(b.N)).Round(time.Millisecond), (next / time.Duration(b.N)).Round(time.Millisecond), 10*spent/int64(b.N))
		})
	}
}
