package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"abaton.local/vault"
)

// step is one change: rows put, and rows deleted.
type step struct {
	put []vault.Row
	del []vault.ID
}

// workload gives steps one after the other, the same for the same seed, and
// knows what is there after each.
type workload struct {
	r    *rand.Rand
	keep bool // every state, in past
	now  map[vault.ID]string
	ids  []vault.ID
	past []map[vault.ID]string // past[n]: after n steps
}

func newWorkload(seed uint64) *workload {
	w := &workload{r: rand.New(rand.NewPCG(seed, 4)), keep: true, now: map[vault.ID]string{}}
	w.past = append(w.past, map[vault.ID]string{})
	return w
}

func (w *workload) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(w.r.Uint32())
	}
	return b
}

// next makes one to five rows, some in place of others, some of them large, and
// sometimes deletes a few.
func (w *workload) next() (s step) {
	touched := map[vault.ID]bool{}
	any := func() vault.ID { return w.ids[w.r.IntN(len(w.ids))] }
	for range 1 + w.r.IntN(5) {
		id := vault.ID(w.bytes(16))
		if len(w.ids) > 0 && w.r.IntN(4) == 0 {
			id = any()
		}
		if touched[id] {
			continue
		}
		touched[id] = true
		size := 64 + w.r.IntN(6000)
		if w.r.IntN(30) == 0 {
			size *= 10
		}
		s.put = append(s.put, vault.Row{ID: id, Envelope: w.bytes(size)})
	}
	if len(w.ids) > 10 && w.r.IntN(6) == 0 {
		for range 1 + w.r.IntN(4) {
			if id := any(); !touched[id] {
				touched[id] = true
				s.del = append(s.del, id)
			}
		}
	}
	w.apply(s)
	return s
}

func (w *workload) apply(s step) {
	for _, r := range s.put {
		w.now[r.ID] = string(r.Envelope)
	}
	for _, id := range s.del {
		delete(w.now, id)
	}
	w.ids = w.ids[:0]
	for id := range w.now {
		w.ids = append(w.ids, id)
	}
	sortIDs(w.ids)
	if w.keep {
		state := make(map[vault.ID]string, len(w.now))
		for id, p := range w.now {
			state[id] = p
		}
		w.past = append(w.past, state)
	}
}

// errLost says that something acknowledged is gone, errBroken that what is
// there is not what was.
var (
	errLost   = errors.New("acknowledged, and lost")
	errBroken = errors.New("broken")
)

// judge opens the ledger in st and compares it with what was written: at least
// the steps that were acknowledged, and exactly the content after that many.
func (w *workload) judge(ctx context.Context, st vault.Store, id vault.ID, acked mark, created bool) (steps uint64, err error) {
	l, err := openLedger(ctx, st, id, acked)
	switch {
	case errors.Is(err, vault.ErrNoVault) && !created:
		return 0, nil
	case errors.Is(err, vault.ErrNoVault), errors.Is(err, errShort):
		return 0, fmt.Errorf("%w: %w", errLost, err)
	case err != nil:
		return 0, fmt.Errorf("%w: %w", errBroken, err)
	}
	got, err := l.content(ctx)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errBroken, err)
	}
	if l.seq >= uint64(len(w.past)) {
		return 0, fmt.Errorf("%w: %d steps, %d were begun", errBroken, l.seq, len(w.past)-1)
	}
	want := w.past[l.seq]
	if len(got) != len(want) {
		return 0, fmt.Errorf("%w: %d rows instead of %d", errBroken, len(got), len(want))
	}
	for id, p := range want {
		if got[id] != p {
			return 0, fmt.Errorf("%w: another content in row %v", errBroken, id)
		}
	}
	return l.seq, nil
}
