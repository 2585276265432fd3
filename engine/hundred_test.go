package engine

import (
	"errors"
	"slices"
	"sync"
	"testing"
)

// hundred has anna ask once without an end, and a hundred times more. It returns when
// so many of those wait as may; all others were refused at once.
func hundred(t *testing.T, e *Engine, ask func(string, int) Prompt, answered func(Person)) (end func() error, all *sync.WaitGroup) {
	t.Helper()
	end = answering(t, e, ask("bado", 0))
	all = new(sync.WaitGroup)
	refused := make(chan error, 100)
	for range 100 {
		all.Go(func() {
			_, _, err := collect(t.Context(), e, ask("bado", 3))
			if fault, ok := errors.AsType[*Fault](err); ok && fault.Kind == Busy {
				refused <- err
				return
			}
			if err != nil {
				t.Error(err)
			}
			answered("anna")
		})
	}
	for range 100 - e.cfg.MaxWaiting {
		<-refused
	}
	if n := e.inside(ask("", 0)); n != 1+e.cfg.MaxWaiting {
		t.Errorf("%d have or want the seat", n)
	}
	return end, all
}

// A hundred questions of one person delay another's first token by one answer where
// they share the memory for one worker (docs/decisions/0018).
func TestAHundredQuestionsAreOneAnswerToOthers(t *testing.T) {
	e, ask := startTiny(t, nil, func(c *Config) { c.MaxWorkers = 1 })
	var mu sync.Mutex
	var order []Person
	answered := func(p Person) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, p)
	}
	end, all := hundred(t, e, ask, answered)
	all.Go(func() {
		p := ask("bado", 3)
		p.Person = "bela"
		if _, _, err := collect(t.Context(), e, p); err != nil {
			t.Error(err)
		}
		answered("bela")
	})
	eventually(t, func() bool { return e.inLine() == 1 })
	if err := end(); err != nil {
		t.Error(err)
	}
	all.Wait()
	if i := slices.Index(order, "bela"); i != 0 {
		t.Errorf("bela was number %d: %v", i, order)
	}
}

// Where both have a worker, the other has every second turn.
func TestAHundredQuestionsAreOneTurnToOthers(t *testing.T) {
	e, ask := startTiny(t, nil, func(c *Config) { c.Cores = 1 })
	end, all := hundred(t, e, ask, func(Person) {})
	p := ask("bado", 60)
	p.Person = "bela"
	pieces, shared := 0, 0
	for _, err := range e.Generate(t.Context(), p) {
		if err != nil {
			t.Fatal(err)
		}
		pieces++
		shared = max(shared, e.turns.share())
	}
	if shared != 2 || pieces < 2 {
		t.Errorf("in %d pieces the processor was shared by %d at most", pieces, shared)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	all.Wait()
}
