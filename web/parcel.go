package web

import (
	"crypto/rand"
	"sync"
	"time"

	"abaton.local/vault"
)

// parcels hold what one request has for the page that it leads to: the words of a
// search, a key that is shown once. They are in no address and no form's answer,
// for browsers keep both on disk. They go with the session's keys.
type parcels struct {
	mu sync.Mutex
	of map[string]parcel // by a random name; guarded by mu
}

type parcel struct {
	s     vault.Session
	what  any
	until time.Time
}

// Bounds of parcels.
const (
	parcelLife   = 10 * time.Minute
	mostParcels  = 32 // of one person
	mostParcelsN = 4096
)

// put gives a parcel's name.
func (ps *parcels) put(s vault.Session, what any, now time.Time) string {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.sweep(now)
	if ps.of == nil {
		ps.of = map[string]parcel{}
	}
	oldest, mine := "", 0
	for name, x := range ps.of {
		if x.s.Person != s.Person {
			continue
		}
		mine++
		if oldest == "" || x.until.Before(ps.of[oldest].until) {
			oldest = name
		}
	}
	if mine >= mostParcels {
		delete(ps.of, oldest)
	}
	name := rand.Text()
	if len(ps.of) < mostParcelsN {
		ps.of[name] = parcel{s, what, now.Add(parcelLife)}
	}
	return name
}

// sweep drops what nobody comes for. The caller holds mu.
func (ps *parcels) sweep(now time.Time) {
	for name, x := range ps.of {
		if now.After(x.until) || !x.s.Unlocked() {
			delete(ps.of, name)
		}
	}
}

// forget drops those of somebody whose vault has locked: it may be long until
// anybody else comes.
func (ps *parcels) forget(person vault.PersonID) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for name, x := range ps.of {
		if x.s.Person == person {
			delete(ps.of, name)
		}
	}
}

// take gives what is in a parcel of this person's, nil where there is none. Once
// is for what is shown a single time.
func (ps *parcels) take(s vault.Session, name string, once bool, now time.Time) any {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.sweep(now)
	x, ok := ps.of[name]
	if !ok || x.s.Person != s.Person {
		return nil
	}
	if once {
		delete(ps.of, name)
	}
	return x.what
}
