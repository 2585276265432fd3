package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"abaton.local/models"
)

// Policy pinned-slot: the people of a model share one worker, and each question
// goes to a slot that belongs to its person alone. Whose a slot is, is known here
// and never asked of the engine, which takes any number for a slot (it counts
// around). Before a slot becomes somebody else's it is emptied, and seen to be
// empty; see handover.go. The words of all lie in one process all the same: a fault
// of the engine can mix them up, and one that was taken over reads them all. So it
// is for those who have no memory for a worker for each person, and say so.

// commons is whose the worker is that people share. No question is nobody's.
const commons Person = ""

const maxSlots = 64

// table says whose the slots of a shared worker are. Engine.mu guards it.
type table struct {
	slots []slot
	apart bool            // a question is at work that must be alone
	over  bool            // nobody is let in any more: it ends once it is at work for nobody
	been  map[Person]bool // who had a slot: their words may lie in its memory wherever they were

	mu     sync.Mutex // guards what follows
	atWork int        // questions for which it takes turns
	turn   func()     // leaves the turns
}

type slot struct {
	owner Person // commons for nobody
	asked bool   // by its owner, and heard to know nothing of anybody's before
	busy  bool   // a question has it, or it is being emptied
	dirty bool   // somebody's words may be in it
	used  time.Time
	heads []string // how what may be in it began: first the prompt that the engine last said it reads, then those that it may have read since
	holds int      // tokens that are in it at least

	client *client   // the owner's
	scrub  *scrubber // likewise: what it remembers of prompts is theirs
}

// loan is a slot for one question of its owner.
type loan struct {
	of    *worker // the process
	slot  int
	anew  bool // it is the first one since the slot was emptied
	apart bool // nobody else is answered meanwhile
}

func newTable(slots int) *table {
	if slots == 0 {
		return nil
	}
	return &table{slots: make([]slot, slots), been: map[Person]bool{}}
}

// count is how many slots a worker has.
func (t *table) count() int {
	if t == nil {
		return 1
	}
	return len(t.slots)
}

func (t *table) idle() bool {
	return !slices.ContainsFunc(t.slots, func(p slot) bool { return p.busy })
}

// asOwned gives info for each of those who have a slot.
func (t *table) asOwned(info WorkerInfo, until func(slot) time.Time) []WorkerInfo {
	if t == nil {
		return []WorkerInfo{info}
	}
	var list []WorkerInfo
	for _, p := range t.slots {
		if p.owner != commons {
			info.Person, info.Busy, info.Until = p.owner, p.busy, until(p)
			list = append(list, info)
		}
	}
	if list == nil {
		list = []WorkerInfo{info}
	}
	return list
}

// process is the worker itself where w is one as somebody sees it.
func (w *worker) process() *worker {
	if w.loan != nil {
		return w.loan.of
	}
	return w
}

// tokens is what w can look at in all slots together.
func (w *worker) tokens() int { return w.context * w.slots.count() }

func (s *seat) tokens() int { return s.context * max(1, s.slots) }

// snapshot is what is set aside for one of s. Nothing that people share is kept.
func (s *seat) snapshot(f *facts, cache int64, tokens int) int64 {
	if s.slots > 0 {
		return 0
	}
	return f.snapshot(cache, tokens)
}

// shares tells whether the worker of s is one that people share. Only answers are
// given by such a one: a worker for meanings holds nothing from one text to the next.
func (e *Engine) shares(s *seat) bool { return e.cfg.Slots > 0 && s.key.kind == speaks }

// seated gives what answers a question of s: its own worker, or a slot of the one
// that people share. Release is called once it has answered.
func (e *Engine) seated(ctx context.Context, s *seat, tokens int) (w *worker, release func(), err error) {
	if e.shares(s) {
		if err := e.sharable(s.key.model); err != nil {
			return nil, nil, err
		}
		if err := e.calm(ctx, s); err != nil {
			return nil, nil, err
		}
		return e.lend(ctx, s, tokens)
	}
	w, err = e.worker(ctx, s, tokens)
	return w, func() {}, err
}

// sharable refuses a model of which the look at an emptied slot would show nothing:
// the engine cannot go back to the middle of a state, or to before a window, and so
// knows nothing of a text that is still there.
func (e *Engine) sharable(d models.Digest) error {
	if err := e.know(d); err != nil {
		return err
	}
	e.mu.Lock()
	recall := e.facts[d].shape.Recall
	e.mu.Unlock()
	if recall != models.WholeRecall {
		return unshared(recall)
	}
	return nil
}

// load is seated without a question.
func (e *Engine) load(ctx context.Context, s *seat, tokens int) error {
	if !e.shares(s) {
		_, err := e.worker(ctx, s, tokens)
		return err
	}
	if err := e.sharable(s.key.model); err != nil {
		return err
	}
	all := e.gather(s)
	defer e.scatter(all, s)
	_, err := e.worker(ctx, all, 0)
	return err
}

// gather gives the seat of the worker that s shares, and counts s among those
// inside until scatter.
func (e *Engine) gather(s *seat) *seat {
	e.mu.Lock()
	defer e.mu.Unlock()
	k := key{model: s.key.model, person: commons, kind: s.key.kind}
	all := e.seats[k]
	if all == nil {
		all = &seat{key: k, slots: e.cfg.Slots, kept: e.cfg.KeepAlive}
		all.stay, all.end = context.WithCancel(e.life)
		e.seats[k] = all
	}
	all.inside++
	return all
}

// scatter is for s, which needs the shared worker no more, or did not get it.
func (e *Engine) scatter(all, s *seat) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := slices.Index(all.line, s); i >= 0 {
		all.line = slices.Delete(all.line, i, i+1)
	}
	if all.inside--; all.inside == 0 {
		e.leaveLine(all)
	}
	all.used = time.Now()
	e.yieldShared(all)
	e.changed()
}

// yieldShared lets nobody else in where somebody waits for memory that nothing
// else will free, and ends the worker once nobody is. The caller holds mu.
func (e *Engine) yieldShared(all *seat) {
	w := all.worker
	if w == nil {
		return
	}
	if len(e.hungry) > 0 && e.first() != all {
		if first := e.first(); !e.madeRoom(first) {
			w.slots.over = true
		}
	}
	if w.slots.over && w.slots.idle() {
		w.stop(errDone)
	}
}

// madeRoom ends idle workers for s, and tells whether that is enough.
func (e *Engine) madeRoom(s *seat) bool {
	e.makeRoom(s)
	return e.roomy(s, true)
}

// lend gives s a slot of the worker that people share, after those who came
// before: a person waits with one question at a time, so for one answer of each
// who stands before them at most.
func (e *Engine) lend(ctx context.Context, s *seat, tokens int) (w *worker, release func(), err error) {
	all := e.gather(s)
	for {
		of, err := e.worker(ctx, all, 0)
		if err != nil {
			e.scatter(all, s)
			return nil, nil, err
		}
		if want := e.wanted(s, tokens); want > of.context {
			e.scatter(all, s)
			return nil, nil, tooWide(want, of.context)
		}
		l, wait := e.take(all, s, of)
		if l == nil {
			if err := wait(ctx); err != nil {
				e.scatter(all, s)
				return nil, nil, err
			}
			continue
		}
		release = func() { e.giveBack(l, s); e.scatter(all, s) }
		if w, err = e.handOver(ctx, l, s); err != nil {
			release()
			return nil, nil, err
		}
		return w, release, nil
	}
}

// wanted is how long a conversation of s shall be that asks for so many tokens.
func (e *Engine) wanted(s *seat, tokens int) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if own := e.facts[s.key.model].shape.ContextLength; own > 0 && uint64(tokens) > own {
		return int(own)
	}
	return tokens
}

// take makes a slot of w the person's, or gives what to wait for: their own, else
// one that was nobody's yet, else the idle one that was used longest ago.
func (e *Engine) take(all, s *seat, w *worker) (*loan, func(context.Context) error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.Contains(all.line, s) {
		all.line = append(all.line, s)
	}
	if all.line[0] != s || w.slots.over || w.slots.apart || s.apart && !w.slots.idle() || w.life.Err() != nil {
		return nil, e.waitFor(e.change)
	}
	at := w.slots.choose(s.key.person)
	if at < 0 {
		return nil, e.waitFor(e.change)
	}
	all.line = all.line[1:]
	p := &w.slots.slots[at]
	if p.owner != s.key.person {
		p.owner = commons // until it is empty
	}
	p.busy, p.used, w.slots.apart = true, time.Now(), s.apart
	e.changed() // the next in line may look
	return &loan{of: w, slot: at, apart: s.apart}, nil
}

// choose gives the idle slot that is best for somebody, or -1.
func (t *table) choose(person Person) int {
	best := -1
	rank := func(p slot) int {
		switch {
		case p.owner == person:
			return 0
		case p.owner == commons && !p.dirty:
			return 1
		case p.owner == commons:
			return 2
		}
		return 3
	}
	for i, p := range t.slots {
		if p.busy {
			continue
		}
		if best < 0 || rank(p) < rank(t.slots[best]) || rank(p) == rank(t.slots[best]) && p.used.Before(t.slots[best].used) {
			best = i
		}
	}
	return best
}

// giveBack ends a loan. The slot stays its owner's, unless they want it no more.
func (e *Engine) giveBack(l *loan, s *seat) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := &l.of.slots.slots[l.slot]
	p.busy, p.used = false, time.Now()
	if l.apart {
		l.of.slots.apart = false
	}
	if s.kept == 0 && s.inside <= 1 {
		p.owner = commons
	}
	if p.owner == commons {
		e.emptySoon(l.of, l.slot)
	}
}

// vacate takes the slots of a seat's shared worker from a person. The caller holds
// mu.
func (e *Engine) vacate(all *seat, person Person) {
	if all.worker == nil || all.worker.slots == nil || person == commons {
		return
	}
	for i := range all.worker.slots.slots {
		p := &all.worker.slots.slots[i]
		if p.owner != person {
			continue
		}
		p.owner = commons
		if !p.busy { // else when it is given back
			e.emptySoon(all.worker, i)
		}
	}
}

// vacateIdle takes the slots from those who did not ask for as long as they wanted
// a worker to be kept. The caller holds mu.
func (e *Engine) vacateIdle(all *seat, now time.Time) {
	if all.worker == nil || all.worker.slots == nil {
		return
	}
	for i := range all.worker.slots.slots {
		p := &all.worker.slots.slots[i]
		if p.owner == commons || p.busy {
			continue
		}
		if !now.Before(e.slotUntil(all, *p)) {
			p.owner = commons
			e.emptySoon(all.worker, i)
		}
	}
}

// slotUntil is when a slot is emptied if its owner does not ask: when others asked
// is none of their business. The caller holds mu.
func (e *Engine) slotUntil(all *seat, p slot) time.Time {
	kept := e.cfg.KeepAlive
	if s := e.seats[key{model: all.key.model, person: p.owner, kind: all.key.kind}]; s != nil && s.kept > 0 {
		kept = min(s.kept, kept)
	}
	return p.used.Add(kept)
}

// leaveShared is Leave for the worker that people share. It cannot be ended under
// others' answers, so their slot is emptied, nobody is let in any more, and it ends
// once the answers under way are over: it is then that the words are gone from
// its memory. The caller holds mu.
func (e *Engine) leaveShared(all *seat, person Person) {
	if all.worker == nil || all.worker.slots == nil || person == commons {
		return
	}
	t := all.worker.slots
	if !t.been[person] {
		return
	}
	t.over = true
	e.vacate(all, person)
	if t.idle() {
		all.worker.stop(errDone)
	}
}

// join lets a worker take turns for a question of its person, until it leaves; for
// as long as it rests it has none and stands still. One that people share takes
// them as long as it is at work for anybody, and does not rest: nobody who does
// not read their answer stops the others'.
func (e *Engine) join(w *worker) (leave func(), rest func(resting bool)) {
	of := w.process()
	t := of.slots
	if t == nil {
		m := e.turns.add(of.proc, of.key.person)
		return m.leave, m.rest
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.atWork++; t.atWork == 1 {
		t.turn = e.turns.join(of.proc, commons)
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.atWork--; t.atWork == 0 {
			t.turn()
		}
	}, func(bool) {}
}
