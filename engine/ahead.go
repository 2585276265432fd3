package engine

import (
	"context"
	"errors"
	"os"
	"sync"
)

// A snapshot is unsealed while the engine that is to go on from it starts: each
// takes about as long as the other. The engine is told of it once both are done and
// its question is there.

// unsealed is a snapshot on its way into an engine's folder, or there.
type unsealed struct {
	of   Snapshot
	done chan struct{} // closed when what follows is set
	name string
	dir  slots
	err  error
	free func() // removes the file and lets others unseal; may be called twice, and before done is closed
}

// unseal starts to write a snapshot into the folder of w. The caller frees it.
func (e *Engine) unseal(ctx context.Context, w *worker, of Snapshot) *unsealed {
	ctx, stop := context.WithCancel(ctx)
	u := &unsealed{of: of, done: make(chan struct{})}
	var clean []func()
	u.free = sync.OnceFunc(func() {
		stop()
		<-u.done
		for i := range clean {
			clean[len(clean)-1-i]()
		}
	})
	go func() {
		defer close(u.done)
		u.err = func() error {
			if err := e.enterSlots(ctx); err != nil {
				return err
			}
			clean = append(clean, func() { <-e.slots })
			var err error
			if u.dir, err = openSlots(w.proc.RunDir()); err != nil {
				return err
			}
			clean = append(clean, u.dir.close)
			u.name = slotName()
			f, err := u.dir.create(u.name)
			if err != nil {
				return err
			}
			clean = append(clean, func() { u.dir.remove(u.name) })
			return errors.Join(e.fill(ctx, w, of, f), f.Close())
		}()
	}()
	return u
}

// fill writes a snapshot to f, every byte of it proven.
func (e *Engine) fill(ctx context.Context, w *worker, of Snapshot, f *os.File) error {
	if err := e.cfg.Keeper.Open(ctx, w.key.person, of.ID, &capped{w: f, left: w.snapshot}); err != nil {
		return err
	}
	format, err := formatOf(f)
	if err == nil && format != of.Format {
		err = &badReply{"a snapshot of another format"}
	}
	return err
}

// expects says which conversation a worker of s would be asked about first, if one
// is started now; nil that nobody waits for it any more. What was begun for them is
// not kept then: others wait for its place.
func (e *Engine) expects(s *seat, t *talk) {
	e.mu.Lock()
	s.next = t
	w := s.worker
	e.mu.Unlock()
	if w == nil || t != nil {
		return
	}
	if u := e.begun(w); u != nil {
		u.free()
	}
}

// goesOnFrom chooses, for a worker that is about to start, what its first question
// will want; not ok where that is not known or nothing is kept of it.
func (e *Engine) goesOnFrom(w *worker) (best Snapshot, ok bool) {
	if w.next == nil || w.snapshot == 0 || e.cfg.Keeper == nil {
		return Snapshot{}, false
	}
	if _, fault := e.installed(w.life); fault != nil {
		return Snapshot{}, false // the start says so
	}
	kept, err := e.cfg.Keeper.Kept(w.life, w.key.person)
	if err != nil {
		return Snapshot{}, false
	}
	best, ok = choose(kept, e.setting(w), w.next.links, 0)
	return best, ok && best.Tokens < w.context
}

// keepAhead holds what was begun for w until its question takes it, if somebody
// still waits for that.
func (e *Engine) keepAhead(w *worker, u *unsealed) {
	e.mu.Lock()
	if s := e.seats[w.key]; s != nil && s.next != nil {
		w.ahead, u = u, nil
	}
	e.mu.Unlock()
	if u != nil {
		u.free()
	}
}

// begun gives what was unsealed ahead for w, once: what is not what its first
// question wants is of no use later.
func (e *Engine) begun(w *worker) *unsealed {
	e.mu.Lock()
	defer e.mu.Unlock()
	u := w.ahead
	w.ahead = nil
	return u
}
