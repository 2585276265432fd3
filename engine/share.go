package engine

import (
	"slices"
	"time"

	"abaton.local/models"
)

// Where memory is short, room is made for whoever waits, in the order in which they
// came: the idle worker that was used longest ago ends, and where all are at work,
// the first that has answered its question. So whoever waits for memory waits for one
// answer and not for a person's whole queue.
//
// While somebody waits, each person's share is the budget, and the number of workers,
// divided by those who have a worker or wait for one. One worker for a conversation
// of the usual length is always within it: else two people with a model that fills
// the machine would break off each other's answers for ever. Whoever has more, with
// several models or longer conversations, comes after those who have not, loses idle
// workers first, and after Patience.Share also answers in the making.

// holding is what the workers of p have, with that which s would get if it is of p,
// and whether one is larger than usual.
func (e *Engine) holding(p Person, s *seat, without []*worker) (bytes int64, workers int, large bool) {
	weights := map[models.Digest]int64{}
	count := func(k key, n models.Need, context int) {
		bytes += n.Private()
		weights[k.model] = max(weights[k.model], n.Weights)
		workers++
		large = large || k.kind == speaks && context > e.usual(e.facts[k.model])
	}
	for k, other := range e.seats {
		w := other.worker
		switch {
		case k.person != p || k.kind == behind: // which anybody may end
		case w != nil && w.life.Err() == nil && !slices.Contains(without, w):
			count(k, w.need, w.context)
		case other == s:
			count(k, e.facts[k.model].need(s.tokens(), false), s.context)
		}
	}
	for _, w := range weights {
		bytes += w
	}
	return bytes, workers, large
}

// people counts those who have a worker or wait for one.
func (e *Engine) people() int {
	each := map[Person]bool{}
	for k, s := range e.seats {
		if s.worker != nil && s.worker.life.Err() == nil && k.kind != behind {
			each[k.person] = true
		}
	}
	for _, s := range e.hungry {
		each[s.key.person] = true
	}
	return max(1, len(each))
}

// over tells whether p has more than their share; with a worker for s, if it is of p,
// and without some.
func (e *Engine) over(p Person, s *seat, without []*worker) bool {
	bytes, workers, large := e.holding(p, s, without)
	if p == "" || workers == 0 || workers == 1 && !large { // a worker without a person is not one person's
		return false
	}
	n := e.people()
	return bytes > e.cfg.Memory/int64(n) || workers > max(1, e.cfg.MaxWorkers/n)
}

// wantRoom puts s in line for memory, behind those who came before, and tells
// whether it is its turn.
func (e *Engine) wantRoom(s *seat) (first bool) {
	if !slices.Contains(e.hungry, s) {
		e.hungry = append(e.hungry, s)
		s.hungry = time.Now()
		e.changed() // all shares are smaller now, perhaps
	}
	return e.first() == s
}

// first is whose turn it is of those in line: who is within their share comes before
// who is not.
func (e *Engine) first() *seat {
	for _, s := range e.hungry {
		if !e.over(s.key.person, s, nil) {
			return s
		}
	}
	return e.hungry[0]
}

// leaveLine takes s out of it.
func (e *Engine) leaveLine(s *seat) {
	if i := slices.Index(e.hungry, s); i >= 0 {
		e.hungry = slices.Delete(e.hungry, i, i+1)
	}
}

// makeRoom ends idle workers until there will be room for s, or no idle one is
// left: first of those who have more than their share, then of all, the one that was
// used longest ago first.
func (e *Engine) makeRoom(s *seat) {
	e.dropAsides(s)
	e.endBehind(s)
	for !e.roomy(s, true) {
		var idle *seat
		greedy := false
		for k, other := range e.seats {
			if other.worker == nil || other.worker.life.Err() != nil || other.inside > 0 {
				continue
			}
			over := k.person != s.key.person && e.over(k.person, nil, nil)
			if idle == nil || over && !greedy || over == greedy && other.used.Before(idle.used) {
				idle, greedy = other, over
			}
		}
		if idle == nil {
			return
		}
		idle.worker.stop(errDone)
	}
}

// press makes room for s, which has waited long enough, by ending workers in the
// midst of their answers: of those who have more than their share, the largest first,
// as far as they are over it, and only where that is enough. It gives how long s has
// to wait before it may; 0 where that is over.
func (e *Engine) press(s *seat) time.Duration {
	if e.roomy(s, true) || e.over(s.key.person, s, nil) {
		return 0
	}
	if wait := time.Until(s.hungry.Add(e.cfg.Patience.Share)); wait > 0 {
		return wait
	}
	var ending []*worker
	for !e.roomyBut(s, func(w *worker) bool { return w.life.Err() != nil || slices.Contains(ending, w) }) {
		var next *worker
		for k, other := range e.seats {
			w := other.worker
			if w == nil || w.life.Err() != nil || slices.Contains(ending, w) || k.person == s.key.person || !e.over(k.person, nil, ending) {
				continue
			}
			if next == nil || w.need.Private() > next.need.Private() {
				next = w
			}
		}
		if next == nil {
			return 0
		}
		ending = append(ending, next)
	}
	for _, w := range ending {
		w.stop(errShare)
	}
	return 0
}

// yield ends the worker of s, whose question was just answered, if somebody
// waits for memory that nothing else will free.
func (e *Engine) yield(s *seat) {
	if len(e.hungry) == 0 || s.worker == nil {
		return
	}
	first := e.first()
	if first == s {
		return
	}
	if e.makeRoom(first); !e.roomy(first, true) {
		s.worker.stop(errDone)
	}
}
