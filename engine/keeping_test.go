package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
)

// Nothing is kept of those who keep nothing, of short conversations, of what was
// deleted meanwhile, after a lock, or of an engine that broke.
func TestNotKept(t *testing.T) {
	e, d, ask := startKeeping(t)
	run := func(name string, p Prompt, between func(w *worker)) {
		t.Helper()
		if _, _, err := collect(t.Context(), e, p); err != nil {
			t.Fatal(err)
		}
		w := workerOf(t, e, p)
		between(w)
		w.stop(errDone)
		<-w.gone
		if kept, _ := d.look(); len(kept) != 0 {
			t.Errorf("%s: it was kept", name)
		}
	}
	long, short := ask(lighthouse, 4), ask("Hello.", 4)
	long.Keep, short.Keep = true, true
	guest := long
	guest.Keep = false
	nothing := func(*worker) {}
	run("a guest's", guest, nothing)
	run("short", short, nothing)
	run("deleted", long, func(*worker) { e.Forget(long.Person) })
	run("locked", long, func(*worker) { e.Leave(long.Person) })
	run("broken", long, func(w *worker) { w.stop(errBadReply) })
	run("a guest's after a short one", short, func(*worker) {
		if _, _, err := collect(t.Context(), e, guest); err != nil {
			t.Fatal(err)
		}
	})
	d.mu.Lock()
	d.locked = true
	d.mu.Unlock()
	run("no keys", long, nothing)
}

// Locking keeps what idle workers had read, does not wait longer than it may,
// and leaves a worker alone that answers.
func TestRest(t *testing.T) {
	e, d, ask := startKeeping(t)
	p := ask(lighthouse, 4)
	_, on := talkTo(t, e, p, "When?")
	e.Rest(t.Context(), p.Person)
	if kept, _ := d.look(); len(kept) != 1 {
		t.Fatalf("kept %d", len(kept))
	}
	d.keep = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() } // a disk that hangs
	talkTo(t, e, on, "")
	short, cancel := context.WithCancel(t.Context())
	cancel()
	e.Rest(short, p.Person)
	if kept, _ := d.look(); len(kept) != 1 {
		t.Errorf("kept %d", len(kept))
	}
	d.keep = nil
	on.Options.MaxTokens = 64
	for d, err := range e.Generate(t.Context(), on) {
		if err != nil {
			t.Fatal(err)
		}
		if d.Finish == "" {
			e.Rest(t.Context(), p.Person) // with the answer under way; were it waited for, this would never end
		}
	}
	if w := workerOf(t, e, on); w.life.Err() != nil {
		t.Error("a worker that answered was ended")
	}
}

// Four people at a machine that has room for one worker take each other's memory
// with every question. All are answered as if alone, and each goes on from what
// was kept of theirs.
func TestSnapshotsUnderPressure(t *testing.T) {
	e, d, ask := startKeeping(t)
	e.cfg.MaxWorkers = 1
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			p := ask(fmt.Sprint(i, " is my number. ", lighthouse), 4)
			p.Person, p.Keep = Person(fmt.Sprint("person ", i)), true
			for range 3 {
				answer, _, err := collect(t.Context(), e, p)
				if err != nil {
					t.Error(err)
				}
				p.Messages = append(p.Messages, Message{Role: Assistant, Content: answer}, Message{Role: User, Content: "And then?"})
			}
		})
	}
	all.Wait()
	kept, opened := d.look()
	if len(kept) < 3 || opened < 4 { // the last one may live still
		t.Errorf("%d are kept, %d were opened", len(kept), opened)
	}
	if len(e.slots) != 0 {
		t.Error("somebody never left the slots")
	}
}

// What is deleted while its snapshot is being sealed is not kept.
func TestForgetDuringSealing(t *testing.T) {
	e, d, ask := startKeeping(t)
	p := ask(lighthouse, 4)
	talkTo(t, e, p, "")
	begun := make(chan struct{})
	d.keep = func(ctx context.Context) error { close(begun); <-ctx.Done(); return ctx.Err() }
	w := workerOf(t, e, p)
	w.stop(errDone)
	<-begun
	e.Forget(p.Person) // returns when nothing is under way
	select {
	case <-w.gone:
	default:
		t.Error("it is still under way")
	}
	if kept, _ := d.look(); len(kept) != 0 {
		t.Error("it was kept")
	}
}

func TestChain(t *testing.T) {
	p := Prompt{Messages: []Message{{Role: System, Content: "a"}, {Role: User, Content: "b"}, {Role: Assistant, Content: "c"}, {Role: User, Content: "d"}}}
	links := chain([32]byte{1}, p)
	l := func(n int) Label { return Label{Turns: n, Last: links[n-1]} }
	for n := range 4 {
		if !l(n + 1).within(links) {
			t.Errorf("%d turns are not within their own conversation", n+1)
		}
	}
	if l(4).within(links[:3]) {
		t.Error("a longer conversation is within a shorter")
	}
	if (Label{}).within(links) || (Label{Turns: -1}).within(links) {
		t.Error("no turns are within a conversation")
	}
	for name, change := range map[string]func(*Prompt){
		"role":    func(p *Prompt) { p.Messages[1].Role = Assistant },
		"content": func(p *Prompt) { p.Messages[1].Content = "B" },
		"border":  func(p *Prompt) { p.Messages[0].Content, p.Messages[1].Content = "ab", "" },
		"model":   func(p *Prompt) { p.Model[0]++ },
		"tools":   func(p *Prompt) { p.Options.Tools = []Tool{{Name: "t"}} },
		"call":    func(p *Prompt) { p.Messages[1].Calls = []Call{{Name: "t"}} },
		"image":   func(p *Prompt) { p.Messages[1].Images = []Image{{}} },
		"thought": func(p *Prompt) { p.Messages[1].Reasoning = "x" },
	} {
		q := p
		q.Messages = slices.Clone(p.Messages)
		change(&q)
		if other := chain([32]byte{1}, q); l(2).within(other) {
			t.Errorf("another %s has the same link", name)
		}
	}
	if other := chain([32]byte{2}, p); l(2).within(other) {
		t.Error("another secret gives the same link")
	}
	set := Setting{Context: 512}
	kept := []Snapshot{{"short", l(1)}, {"long", l(3)}, {"long again", l(3)}, {"middle", l(2)}}
	for i := range kept {
		kept[i].Setting = set
	}
	if s, ok := choose(kept, set, links, 0); !ok || s.ID != "long again" {
		t.Errorf("chosen: %v", s.ID)
	}
	if s, ok := choose(kept, set, links, 3); ok {
		t.Errorf("the slot has as much as %v", s.ID)
	}
	if s, ok := choose(kept, Setting{Context: 1024}, links, 0); ok {
		t.Errorf("%v is of another setting", s.ID)
	}
	if got := replaced(kept, set, links[:2]); !slices.Equal(got, []string{"short", "middle"}) {
		t.Errorf("replaced: %v", got)
	}
}
