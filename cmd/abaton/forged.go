package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"abaton.local/audit"
	"abaton.local/vault"
)

// forgeries remember whose requests named a slot or a cache of the engine, or
// asked to be hidden less than is set, and whether an engine did not forget. The first are taken out of every request,
// the second are refused; who sends them may try to meet other
// people's words, or has a program that means no harm. That it was tried is a
// security event, and when somebody worked is nobody's business: so the audit log
// learns of each key once, not at the moment but after midnight (UTC), or when the
// server stops. Safe for concurrent use.
type forgeries struct {
	record func([]audit.Event) error

	mu    sync.Mutex
	noted map[forgery]bool // since the last writing, or written; guarded by mu
	new   []forgery        // not written yet; guarded by mu
}

// forgery is what was tried, by a person with a token of theirs; zeros where there is none.
type forgery struct {
	what          audit.What
	person, token [16]byte
}

func newForgeries(record func([]audit.Event) error) *forgeries {
	return &forgeries{record: record, noted: map[forgery]bool{}}
}

// note is for a request that named such a field.
func (f *forgeries) note(s vault.Session) { f.tried(audit.EngineForged, s) }

// lowered is for a request that asked for less to be hidden from whoever watches
// the network than is set.
func (f *forgeries) lowered(s vault.Session) { f.tried(audit.ShapeRefused, s) }

// notEmptied is for an engine that people share which was ended, for it did not
// forget what somebody had said. Whose question showed it is on no log.
func (f *forgeries) notEmptied() { f.add(forgery{what: audit.SlotNotEmptied}) }

func (f *forgeries) tried(what audit.What, s vault.Session) {
	x := forgery{what: what}
	if id, err := vault.ParseID(string(s.Person)); err == nil { // guests are nobody
		x.person = id
	}
	if token, err := hex.DecodeString(s.Token()); err == nil {
		copy(x.token[:], token)
	}
	f.add(x)
}

func (f *forgeries) add(x forgery) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.noted[x] {
		f.noted[x] = true
		f.new = append(f.new, x)
	}
}

// write puts what is new on the audit log, in an order that tells nothing. Each key
// is on it once in a server's life.
func (f *forgeries) write() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.SortFunc(f.new, func(a, b forgery) int {
		return cmp.Or(int(a.what)-int(b.what), bytes.Compare(a.person[:], b.person[:]), bytes.Compare(a.token[:], b.token[:]))
	})
	events := make([]audit.Event, len(f.new))
	for i, x := range f.new {
		events[i] = audit.Event{What: x.what, Result: audit.Refused, Actor: x.person, Object: x.token}
		if x.what == audit.SlotNotEmptied {
			events[i].Result = audit.Failed
		}
	}
	if err := f.record(events); err != nil {
		return err
	}
	f.new = nil
	return nil
}

// run writes after each midnight, until ctx ends.
func (f *forgeries) run(ctx context.Context) error {
	for {
		now := time.Now()
		t := time.NewTimer(now.Truncate(24 * time.Hour).Add(24 * time.Hour).Sub(now))
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
			if err := f.write(); err != nil {
				return err
			}
		}
	}
}
