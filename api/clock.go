package api

import (
	"sync"
	"time"

	"abaton.local/api/ollama"
)

// clock tells the times of one answer: that of the wall, as its client could see it
// too, and nothing of what the engine took for its parts. Where anything is shaped,
// when something was ready is what the shape hides, so no duration is told, and
// moments to the second.
type clock struct {
	now    func() time.Time
	begun  time.Time
	shaped bool // set before anything is told

	mu    sync.Mutex
	first time.Time // when the first piece came; zero before
}

func (a *API) clock() *clock { return &clock{now: a.now, begun: a.now()} }

// hears notes that a piece of the answer came. Nobody listens where c is nil.
func (c *clock) hears() {
	if c == nil || c.shaped {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first.IsZero() {
		c.first = c.now()
	}
}

func (c *clock) times() ollama.Times {
	now := c.now()
	if c.shaped {
		return ollama.Times{Created: now.Truncate(time.Second)}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := ollama.Times{Created: now, Total: now.Sub(c.begun)}
	if !c.first.IsZero() {
		t.PromptEval, t.Eval = c.first.Sub(c.begun), now.Sub(c.first)
	}
	return t
}
