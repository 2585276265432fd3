package gateway

import (
	"context"
	"errors"
	"time"

	"abaton.local/vault"
)

// People knows who is at the door. It is safe for concurrent use.
type People interface {
	// Empty reports whether nobody was set up yet.
	Empty() bool

	// Who tells whose credential this is: an access token (abt_…) or a session's
	// secret (abs_…). One that is wrong, revoked or over is ErrWrong.
	Who(ctx context.Context, credential string) (vault.Session, error)

	// Standing is what the person of a session may do at this moment.
	Standing(vault.Session) Standing

	// Enter lets somebody in. A wrong secret and a name that nobody has are both
	// ErrWrong, after the same time. A *Mistake is what a person can mend. What
	// the entry holds is wiped by the caller and must not be kept.
	Enter(context.Context, Entry) (Entered, error)

	// Lock lets go of a session's keys and ends it, or all of that person's.
	Lock(s vault.Session, all bool) error
}

// Standing is what somebody may do. The zero Standing may do nothing.
type Standing struct {
	Person   string // what they are called; empty for a guest
	Role     Role
	Unlocked bool
	Until    time.Time // when their session ends; zero where it does not by itself
}

// Role is what a person is here.
type Role string

// The roles. A guest keeps nothing and opens nothing; somebody whom the token of
// an installation without accounts lets in is a stranger to every vault.
const (
	RoleGuest    Role = "guest"
	RoleStranger Role = "nobody is set up yet"
	RoleMember   Role = "member"
	RoleAuditor  Role = "auditor"
	RoleOwner    Role = "owner"
)

// Entry is somebody who wants to come in. Its secrets are the caller's buffer.
type Entry struct {
	Name       string
	Passphrase []byte
	Recovery   []byte // instead of a passphrase
	Invitation []byte // who joins: with a claim or an invitation, a name and a passphrase
}

// Entered is who came in.
type Entered struct {
	Secret   []byte // of the session (abs_…), for its client to come back with
	Session  vault.Session
	Recovery []byte // the recovery code of who has just joined; shown this once
}

// ErrWrong says that a credential or secret opens nothing.
var ErrWrong = errors.New("nobody is known by this")

// A Mistake is something in an entry that its person can mend. Its text says
// how, and holds nothing of the entry.
type Mistake struct {
	Code    string // for programs: "invalid_name"
	Message string
}

func (m *Mistake) Error() string { return m.Message }

// TooSoon is a refusal that time cures.
type TooSoon struct{ Wait time.Duration }

func (e *TooSoon) Error() string { return "too many wrong attempts: wait " + e.Wait.String() }
