package api

import (
	"sync"
	"time"
)

// live keeps a stream from falling silent while an engine loads a model or reads a
// long question: libraries and relays of other people hang up after a while. Paced
// shapes do not need it, for their frames come whatever happens. From the first
// sign on, a failure is told in the stream and no more by its status.
//
// It sends from a goroutine of its own, so whoever else sends holds mu.
type live struct {
	mu    sync.Mutex
	timer *time.Timer
	every time.Duration
	over  bool
}

// keep calls say, with mu held, whenever nothing was told for so long.
func (l *live) keep(every time.Duration, say func()) {
	l.every = every
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = time.AfterFunc(every, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.over {
			say()
			l.timer.Reset(every)
		}
	})
}

// told puts the next sign of life off. It is called with mu held.
func (l *live) told() {
	if l.timer != nil {
		l.timer.Reset(l.every)
	}
}

// end returns when no sign of life is under way, and none comes any more.
func (l *live) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.timer != nil {
		l.timer.Stop()
	}
}
