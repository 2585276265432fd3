package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"abaton.local/audit"
	"abaton.local/vault"
)

// forgeries remember whose requests named a slot or a cache of the engine. Such
// fields are taken out of every request; who sends them may try to meet other
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

// forgery is a person and the token of theirs that was used; zeros where there is none.
type forgery struct{ person, token [16]byte }

func newForgeries(record func([]audit.Event) error) *forgeries {
	return &forgeries{record: record, noted: map[forgery]bool{}}
}

// note is for a request that named such a field.
func (f *forgeries) note(s vault.Session) {
	var x forgery
	if id, err := vault.ParseID(string(s.Person)); err == nil { // guests are nobody
		x.person = id
	}
	if token, err := hex.DecodeString(s.Token()); err == nil {
		copy(x.token[:], token)
	}
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
		if n := bytes.Compare(a.person[:], b.person[:]); n != 0 {
			return n
		}
		return bytes.Compare(a.token[:], b.token[:])
	})
	events := make([]audit.Event, len(f.new))
	for i, x := range f.new {
		events[i] = audit.Event{What: audit.EngineForged, Result: audit.Refused, Actor: x.person, Object: x.token}
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
