package gateway

import (
	"context"
	"time"

	"abaton.local/vault"
)

// People knows who is at the door. It is safe for concurrent use. [Directory]
// makes one of the vault's.
type People interface {
	// Empty reports whether nobody was set up yet.
	Empty() bool

	// Who tells whose credential this is: an access token (abt_…) or a session's
	// secret (abs_…). One that is wrong, revoked or over is vault.ErrToken or
	// vault.ErrEnded.
	Who(ctx context.Context, credential string) (vault.Session, error)

	// Standing is what the person of a session may do at this moment.
	Standing(vault.Session) Standing

	// Enter lets somebody in. A wrong secret and a name that nobody has are both
	// vault.ErrWrong, after the same time; a *Mistake is for the person to act on;
	// a *vault.TooSoon is to be waited for. What the entry holds is wiped by the
	// caller and must not be kept.
	Enter(context.Context, Entry) (Entered, error)

	// Lock lets go of a session's keys and ends it, or all of that person's. Others
	// is how many sessions keep their vault open all the same.
	Lock(s vault.Session, all bool) (others int, err error)

	// PasskeySalt is what a passkey's PRF is evaluated at: the same for everybody.
	PasskeySalt() [32]byte

	// Admits tells whether somebody could join with this ticket under this name now.
	Admits(ticket []byte, name string) error

	// Passkeys gives the name of a session's person, and their passkeys.
	Passkeys(vault.Session) (name string, keys []vault.Passkey, err error)

	// AddPasskey lets a passkey open the vault of a session's person.
	AddPasskey(ctx context.Context, s vault.Session, k vault.Passkey, secret []byte) error

	// Seen is what a browser is to remember of a session's vault, and under which
	// label; empty where what it has says the same.
	Seen(s vault.Session, have []string) (label, text string)
}

// Standing is what somebody may do. The zero Standing may do nothing.
type Standing struct {
	Role     Role
	Unlocked bool
	Until    time.Time // when their session ends; zero where it does not by itself
}

// Role is what somebody is here.
type Role string

// The roles. A guest keeps nothing and opens nothing; a stranger was let in by
// the first start's token, before anybody was set up.
const (
	RoleGuest    Role = "guest"
	RoleStranger Role = "stranger"
	RoleMember   Role = "member"
	RoleAuditor  Role = "auditor"
	RoleOwner    Role = "owner"
	RoleWitness  Role = "witness" // a token that reads the audit log and does nothing else
)

// Entry is somebody who wants to come in.
type Entry struct {
	Name       string
	Passphrase []byte
	Recovery   []byte // a recovery code, instead of a passphrase
	Ticket     []byte // who joins: the claim or an invitation, beside a name and a passphrase
	Accept     string // what Mistake.Accept said, where the person accepts it

	Passkey       *PasskeyProof  // of who has a passkey, instead of a name and a passphrase
	NewPasskey    *vault.Passkey // of who joins, instead of a passphrase
	PasskeySecret []byte         // what the browser derived from its PRF output, for both
	Seen          []string       // what the browser remembers of vaults
}

// Entered is who came in.
type Entered struct {
	Session  vault.Session
	Secret   vault.Once // for the session's client to come back with, without abs_
	Recovery vault.Once // of who has just joined: to be written down
}

// A Mistake is something that the person at the door can mend. Its text says
// how, and holds nothing of what they sent.
type Mistake struct {
	Code    string // for programs: "invalid_name"
	Message string
	Accept  string // says the same in an entry, where it may be accepted
}

func (m *Mistake) Error() string { return m.Message }
