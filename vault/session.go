package vault

import (
	"crypto/rand"
	"sync/atomic"
	"time"
)

// Session is proof that the door knows who is asking. Nothing behind the
// gateway runs without one. It is either known (who it is) or unlocked (and
// their keys are at hand); copies of it are one session, and all of them lock
// together. It is safe for concurrent use.
type Session struct {
	Person PersonID

	seat   *seat // nil: known, and never to be unlocked
	guest  bool
	audits bool
	token  tokenID // that it was opened with; zero: none
	grant  *grant  // of that token; nil: none
}

// grant is what a token was good for, until it is taken back: with the token, or with
// all that its person may do. Those who were let in by it hold it.
type grant struct{ back atomic.Bool }

// Guest is a session for somebody who keeps nothing: a person that never was
// and never will be again.
func Guest() Session {
	return Session{Person: PersonID("guest-" + rand.Text()), guest: true}
}

// Audits tells whether this session reads the audit log and does nothing else.
func (s Session) Audits() bool { return s.audits }

// Token is the identifier of the token that this session was opened with, as in
// TokenInfo; empty where there was none.
func (s Session) Token() string {
	if s.token == (tokenID{}) {
		return ""
	}
	return s.token.String()
}

// Known is the same person's session without their keys, by the same token.
func (s Session) Known() Session {
	return Session{Person: s.Person, guest: s.guest, audits: s.audits, token: s.token, grant: s.grant}
}

// Stands tells whether what let this session in still does: it was not ended, its token
// was not revoked, and its person was not shut out meanwhile. It reads nothing from the
// store. What was taken away once stays so.
func (s Session) Stands() bool {
	return !s.ended() && (s.grant == nil || !s.grant.back.Load())
}

// Guest tells whether this session keeps nothing.
func (s Session) Guest() bool { return s.guest }

// Vault is the person's open vault, or ErrLocked. Asking for it counts as use:
// it puts off the idle lock.
func (s Session) Vault() (*Vault, error) {
	x := s.own()
	if x == nil {
		return nil, ErrLocked
	}
	return x.in.use(x)
}

// Unlocked tells whether the keys are at hand. It does not count as use.
func (s Session) Unlocked() bool {
	x := s.own()
	return x != nil && x.in.unlocked(x)
}

// own is the seat of this session's person: somebody else's name on a seat
// makes neither their session.
func (s Session) own() *seat {
	if s.seat == nil || s.seat.person != s.Person {
		return nil
	}
	return s.seat
}

// Busy says that something is at work for this session: until done is called it
// is not idle. A session that was idle too long already stays locked.
func (s Session) Busy() (done func()) {
	x := s.own()
	if x == nil || !s.Unlocked() {
		return func() {}
	}
	return x.in.begin(x)
}

// Way is the kind of slot that this session was unlocked with; 0 is none.
func (s Session) Way() SlotKind {
	x := s.own()
	if x == nil {
		return 0
	}
	return x.way
}

// Until is when the session ends whatever happens; zero where it has no end of
// its own.
func (s Session) Until() time.Time {
	if s.seat == nil {
		return time.Time{}
	}
	return s.seat.began.Add(absoluteLock)
}

// Lock lets go of the keys, unless another session of the same person holds
// them. The session stays known until it ends.
func (s Session) Lock() {
	if s.seat != nil {
		s.seat.in.lock(s.seat, false)
	}
}

// End locks and makes the session no session any more.
func (s Session) End() {
	if s.seat != nil {
		s.seat.in.lock(s.seat, true)
	}
}

// ended tells whether a session was one of ours and is over.
func (s Session) ended() bool { return s.seat != nil && s.seat.in.over(s.seat) }

// Holding is how many sessions keep the vault of a session's person open.
func (d *Directory) Holding(s Session) int {
	if x := s.own(); x != nil {
		return d.lobby.holding(x.person)
	}
	return 0
}

// LockAll locks and ends every session of a session's person, this one too.
func (d *Directory) LockAll(s Session) {
	if x := s.own(); x != nil {
		d.lobby.lockAll(x.person, nil)
	}
}
