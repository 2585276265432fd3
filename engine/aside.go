package engine

import (
	"context"
	"time"
)

// A worker has one slot, and what a program asks between two turns of a conversation
// (for its title, for the next word in an editor) would have it forget all that it had
// read. So before the slot takes another conversation, what it holds of a long one is
// written into the jail's own memory, and read back when that one goes on. It never
// leaves the jail, so it needs no seal and no keeper, and is the worker's in all else:
// it ends with it, counts as its memory, and is the first thing to go where somebody
// needs that. Where its worker ends, it is kept in place of the slot if it is longer.

// aside is a conversation that was put aside. Engine.mu guards that of a worker.
type aside struct {
	name string // of the file
	size int64  // bytes; more than it has, while it is being written
	talk *talk
	done bool // it is written, and not being read back
}

const (
	leastAside  = 512             // tokens: fewer are read again in the time of a few words
	asideWithin = 2 * time.Second // that somebody else's question may wait for it
)

// displaces tells whether a conversation that goes on from t takes something from
// the slot that holds old which is worth more than its last answer.
func (old *talk) displaces(t *talk) bool {
	if old == nil || old.tokens < leastAside {
		return false
	}
	if t == nil {
		return true
	}
	same := 0
	for same < min(len(old.links), len(t.links)) && old.links[same] == t.links[same] {
		same++
	}
	return same == 0 || same < len(old.links)-1
}

// goesOn tells how many turns of t, at least one, are what a holds; 0 for none.
func (a *aside) goesOn(t *talk) int {
	if a == nil || t == nil || !a.done {
		return 0
	}
	if l := (Label{Turns: len(a.talk.links), Last: a.talk.links[len(a.talk.links)-1]}); !l.within(t.links) {
		return 0
	}
	return len(a.talk.links)
}

// putAside writes down what the slot of w holds, where there is memory for it: old.
// What was aside goes, but for what is wanted next. Whatever fails, old is forgotten.
// The caller has the worker's seat.
func (e *Engine) putAside(ctx context.Context, w *worker, old *talk, wanted *aside, forgotten int) {
	name := slotName()
	if !e.reserve(w, name, old, wanted) {
		return
	}
	// Though its person leaves: a file that is half written takes room.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), asideWithin)
	defer cancel()
	n, size, err := e.writeAside(ctx, w, name)
	e.mu.Lock()
	defer e.mu.Unlock()
	a := w.aside
	if err != nil || n < leastAside || a == nil || a.name != name || w.forgotten != forgotten {
		w.noAside = w.noAside || err != nil // it may still be writing
		if a != nil && a.name == name {
			w.aside = nil
		}
		w.removeAside(name)
		e.changed()
		return
	}
	a.size, a.done = size, true
	a.talk = &talk{links: old.links, tokens: n, keep: old.keep}
	e.changed()
}

// reserve sets memory aside for a file, if there is any that nobody waits for.
func (e *Engine) reserve(w *worker, name string, old *talk, wanted *aside) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	f := e.facts[w.key.model]
	if w.noAside || f == nil || len(e.hungry) > 0 {
		return false
	}
	size, free := f.written(old.tokens), w.holdsFiles()
	if wanted != nil {
		free -= wanted.size
	} else if a := w.aside; a != nil {
		w.removeAside(a.name)
		w.aside = nil
	}
	bytes, _ := e.used(nil, false)
	if size > free || bytes+size > e.cfg.Memory {
		return false
	}
	w.aside = &aside{name: name, size: size, talk: old}
	return true
}

// written is about what a file of so many tokens has, in bytes.
func (f *facts) written(tokens int) int64 {
	cache := f.need(tokens, false).Cache
	return cache + cache/64 + 16*int64(tokens) + 1<<20
}

// holdsFiles is how many bytes the folder of its jail has for them.
func (w *worker) holdsFiles() int64 { return max(runSize-1<<20, w.snapshot) }

// fitBeside lets go of what lies aside where a snapshot of so many tokens would not fit
// the jail's folder beside it.
func (e *Engine) fitBeside(w *worker, tokens int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if a := w.aside; a != nil && a.size+e.facts[w.key.model].written(tokens) > w.holdsFiles() {
		w.forgetAside()
	}
}

func (e *Engine) writeAside(ctx context.Context, w *worker, name string) (tokens int, size int64, err error) {
	dir, err := openSlots(w.proc.RunDir())
	if err != nil {
		return 0, 0, err
	}
	defer dir.close()
	if tokens, err = w.client.slot(ctx, "save", name); err != nil {
		return 0, 0, err
	}
	f, size, err := dir.open(name)
	if err != nil {
		return 0, 0, err
	}
	return tokens, size, f.Close()
}

// takeBack has the engine read what was put aside, which is of use no more after it.
func (e *Engine) takeBack(ctx context.Context, w *worker, a *aside) {
	ctx, cancel := context.WithTimeout(ctx, restoreWithin)
	defer cancel()
	n, err := w.client.slot(ctx, "restore", a.name)
	if err == nil && n != a.talk.tokens {
		err = &badReply{"another number of tokens than was put aside"}
	}
	if err != nil && ctx.Err() == nil {
		e.cfg.Log.Warn("a conversation is read again, for it cannot be taken back", "model", w.key.model, "why", snapshotWhy(err))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	w.removeAside(a.name)
	if w.aside == a {
		w.aside = nil
	}
	e.changed()
}

// removeAside unlinks a file. The caller holds Engine.mu.
func (w *worker) removeAside(name string) {
	if dir, err := openSlots(w.proc.RunDir()); err == nil {
		dir.remove(name)
		dir.close()
	}
}

// dropAsides makes room for s by what lies aside, which only saves time.
func (e *Engine) dropAsides(s *seat) {
	for _, other := range e.seats {
		w := other.worker
		if e.roomy(s, true) {
			return
		}
		if w != nil && w.aside != nil && w.aside.done && w.up() {
			w.removeAside(w.aside.name)
			w.aside = nil
		}
	}
}

// forgetAside lets go of what lies aside; that which is being written or read goes
// after it. The caller holds Engine.mu.
func (w *worker) forgetAside() {
	if w.aside != nil && w.up() {
		w.removeAside(w.aside.name)
	}
	w.aside = nil
}
