package vault

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"sync"
	"time"
)

// When sessions lock and end by themselves.
const (
	idleLock     = 15 * time.Minute
	tokenLock    = time.Minute // what a token opened, after its last request
	absoluteLock = 12 * time.Hour
	maxSeats     = 64 // of one person; the oldest ends
)

// ErrEnded says that a session is over: sign in again.
var ErrEnded = errors.New("this session has ended: sign in again")

// sessions are all sessions that were unlocked once, and the vaults that they
// share. They live in memory only: a restart locks everybody. Safe for
// concurrent use.
type sessions struct {
	now       func() time.Time
	arena     *arena
	tokenIdle time.Duration          // of what a token opened
	opened    func(PersonID, *Vault) // may be nil
	closing   func(*home, *Vault)    // the vault's last words, before its keys go
	locked    func(PersonID)         // after a person's keys are gone
	wake      chan struct{}          // of run: a deadline may have come nearer

	mu     sync.Mutex
	open   map[PersonID]*home
	seats  map[*seat]bool
	secret map[[32]byte]*seat // by the hash of what its client holds
}

// seat is one session. Its unmarked fields never change.
type seat struct {
	in     *sessions
	person PersonID
	way    SlotKind
	idle   time.Duration
	began  time.Time
	vault  *Vault

	// Guarded by in.mu.
	used   time.Time
	busy   int   // requests at work: it is not idle meanwhile
	home   *home // nil once it is locked
	over   bool
	issued bool
	hash   [32]byte
	draft  *draft // a recovery code that waits to be confirmed
}

// home is one person's open vault. A person has one at a time, whatever the
// number of sessions.
type home struct {
	person PersonID

	seats, waiting int    // guarded by sessions.mu
	opened         *Vault // the same as vault, for who cannot wait for mu; guarded by sessions.mu

	mu    sync.Mutex      // held while the vault opens or closes, or its slots change
	vault *Vault          // nil while it is closed; guarded by mu
	root  *[cellSize]byte // guarded by mu
}

func newSessions(now func() time.Time, a *arena) *sessions {
	return &sessions{
		now: now, arena: a, wake: make(chan struct{}, 1),
		open: map[PersonID]*home{}, seats: map[*seat]bool{}, secret: map[[32]byte]*seat{},
	}
}

// enter makes an unlocked session. The vault is opened unless the person has it
// open already. Root, a cell of the arena, is the session's from here on,
// whatever happens.
func (s *sessions) enter(person PersonID, way SlotKind, root *[cellSize]byte, open func() (*Vault, error)) (Session, error) {
	s.mu.Lock()
	o := s.open[person]
	if o == nil {
		o = &home{person: person}
		s.open[person] = o
	}
	o.waiting++
	s.mu.Unlock()

	o.mu.Lock()
	defer o.mu.Unlock()
	if o.vault != nil && o.vault.st.isLeft() { // it was being locked, and its store hung
		s.drop(o)
	}
	var err error
	if o.vault != nil {
		s.arena.release(root)
	} else if o.vault, err = open(); err == nil {
		o.root = root
		if s.opened != nil {
			s.opened(person, o.vault)
		}
	} else {
		o.vault = nil
		s.arena.release(root)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o.waiting--
	o.opened = o.vault
	if err != nil {
		s.tidy(o)
		return Session{}, err
	}
	now := s.now()
	x := &seat{in: s, person: person, way: way, idle: idleLock, began: now, used: now, vault: o.vault, home: o}
	if way == SlotToken {
		x.idle = s.tokenIdle
	}
	o.seats++
	s.seats[x] = true
	s.poke()
	return Session{Person: person, seat: x}, nil
}

// tidy forgets a vault that nobody has open or waits for. The caller holds mu.
func (s *sessions) tidy(o *home) {
	if o.seats == 0 && o.waiting == 0 && s.open[o.person] == o {
		delete(s.open, o.person)
	}
}

// use gives a seat's vault and counts as activity.
func (s *sessions) use(x *seat) (*Vault, error) {
	s.mu.Lock()
	now := s.now()
	late := x.late(now)
	ok := x.home != nil && !x.over && !late
	if ok {
		x.used = now
	}
	s.mu.Unlock()
	if late {
		s.expire()
	}
	if !ok {
		return nil, ErrLocked
	}
	return x.vault, nil
}

// begin says that a request of the seat is at work, until done is called.
func (s *sessions) begin(x *seat) (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.busy++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		x.busy--
		x.used = s.now()
		s.poke()
	})
}

// late tells whether a seat should have been locked by now. The caller holds mu.
func (x *seat) late(now time.Time) bool {
	return x.busy == 0 && now.Sub(x.used) >= x.idle || now.Sub(x.began) >= absoluteLock
}

func (s *sessions) unlocked(x *seat) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return x.home != nil && !x.over && !x.late(s.now())
}

func (s *sessions) over(x *seat) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return x.over || s.now().Sub(x.began) >= absoluteLock
}

// issue gives what a client keeps to come back to a session: 256 bits, of which
// only the hash stays here.
func (s *sessions) issue(x *seat) (Once, error) {
	var b [32]byte
	rand.Read(b[:]) // never fails: it ends the program instead
	text := base64.RawURLEncoding.AppendEncode(nil, b[:])
	clear(b[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.over {
		return Once{}, ErrEnded
	}
	if x.issued {
		delete(s.secret, x.hash)
	}
	x.issued, x.hash = true, sha256.Sum256(text)
	s.secret[x.hash] = x
	return newOnce(text), nil
}

// resume finds the session of what a client kept. Looking a hash up takes no
// time that would tell of the secret.
func (s *sessions) resume(secret []byte) (Session, error) {
	hash := sha256.Sum256(secret)
	s.mu.Lock()
	x := s.secret[hash]
	s.mu.Unlock()
	if x == nil || s.over(x) {
		return Session{}, ErrEnded
	}
	return Session{Person: x.person, seat: x}, nil
}

// lock locks a seat and, where end says so, ends it.
func (s *sessions) lock(x *seat, end bool) {
	s.mu.Lock()
	o := s.detach(x, end)
	s.mu.Unlock()
	s.settle(o)
}

// detach takes the keys from a seat and gives the vault it had. The caller
// holds mu and calls settle without it.
func (s *sessions) detach(x *seat, end bool) *home {
	o := x.home
	if o != nil {
		x.home, x.draft = nil, nil
		o.seats--
	}
	if end && !x.over {
		x.over = true
		delete(s.seats, x)
		if x.issued {
			delete(s.secret, x.hash)
		}
	}
	return o
}

// holding counts the sessions that keep a person's vault open.
func (s *sessions) holding(person PersonID) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for x := range s.seats {
		if x.person == person && x.home != nil && !x.late(now) {
			n++
		}
	}
	return n
}

// lockAll locks and ends the sessions of a person, or of everybody where person
// is empty; all but one.
func (s *sessions) lockAll(person PersonID, but *seat) {
	s.mu.Lock()
	var left []*home
	for x := range s.seats {
		if x != but && (person == "" || x.person == person) {
			left = append(left, s.detach(x, true))
		}
	}
	s.mu.Unlock()
	s.settle(left...)
}

// crowd ends the oldest sessions of a person who has too many.
func (s *sessions) crowd(person PersonID) {
	s.mu.Lock()
	var oldest *seat
	n := 0
	for x := range s.seats {
		if x.person != person {
			continue
		}
		if n++; oldest == nil || x.used.Before(oldest.used) {
			oldest = x
		}
	}
	var o *home
	if n > maxSeats {
		o = s.detach(oldest, true)
	}
	s.mu.Unlock()
	s.settle(o)
}

// with runs f on a session's open vault while nobody else opens, closes or
// changes it. Root is live inside.
func (s *sessions) with(x *seat, f func(o *home) error) error {
	s.mu.Lock()
	o := x.home
	if x.over || x.late(s.now()) {
		o = nil
	}
	s.mu.Unlock()
	if o == nil {
		return ErrLocked
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.vault == nil {
		return ErrLocked
	}
	return f(o)
}

// each visits every open vault.
func (s *sessions) each(f func(PersonID, *Vault)) {
	s.mu.Lock()
	var all []*home
	for _, o := range s.open {
		all = append(all, o)
	}
	s.mu.Unlock()
	for _, o := range all {
		o.mu.Lock()
		if o.vault != nil {
			f(o.person, o.vault)
		}
		o.mu.Unlock()
	}
}
