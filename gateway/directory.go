package gateway

import (
	"context"
	"errors"
	"strings"

	"abaton.local/vault"
)

// Directory is the vault's people as the door asks for them.
func Directory(d *vault.Directory) People { return directory{d} }

type directory struct{ *vault.Directory }

func (d directory) Empty() bool { return d.Unclaimed() }

func (d directory) Who(ctx context.Context, credential string) (vault.Session, error) {
	if secret, ok := strings.CutPrefix(credential, sessionPrefix); ok {
		return d.Resume([]byte(secret))
	}
	return d.UnlockToken(ctx, credential)
}

func (d directory) Standing(s vault.Session) Standing {
	at := Standing{Unlocked: s.Unlocked(), Until: s.Until()}
	switch role, ok := d.RoleOf(s); {
	case s.Guest():
		return Standing{Role: RoleGuest}
	case s.Audits() && ok && (role == vault.RoleOwner || role == vault.RoleAuditor):
		return Standing{Role: RoleWitness}
	case s.Audits():
		return Standing{}
	case ok && s.Way() == 0:
		at.Role = RoleMember // a token that only asks: no other role, either
	case ok && role == vault.RoleOwner:
		at.Role = RoleOwner
	case ok && role == vault.RoleAuditor:
		at.Role = RoleAuditor
	case ok && role == vault.RoleMember:
		at.Role = RoleMember
	case s.Way() == vault.SlotToken && at.Unlocked:
		at.Role = RoleMember // a token has no other role, whoever made it
	default:
		return Standing{}
	}
	return at
}

func (d directory) Enter(ctx context.Context, e Entry) (in Entered, err error) {
	if len(e.Ticket) > 0 {
		return d.joined(ctx, e)
	}
	a := vault.Attempt{Name: e.Name, Way: vault.SlotPassphrase, Secret: e.Passphrase, Judged: true, Seen: e.Seen}
	switch {
	case e.Passkey != nil:
		a.Name, a.Way, a.Secret = d.shownBy(e.Passkey), vault.SlotPasskey, e.PasskeySecret
		a.Passkey = vault.CredentialDigest(e.Passkey.Credential)
	case len(e.Recovery) > 0:
		a.Way, a.Secret = vault.SlotRecovery, e.Recovery
	}
	if a.Accept, err = parseAccept(e.Accept); err != nil {
		return Entered{}, err
	}
	if in.Session, err = d.Unlock(ctx, a); err != nil {
		in.Session.End() // it may be there beside the error, and nobody would have it
		return Entered{}, mistaken(err)
	}
	return in, d.issued(&in)
}

// shownBy gives the name of the person whose passkey answered; empty, which is
// nobody's, where it is not known here or did not answer.
func (d directory) shownBy(p *PasskeyProof) string {
	name, k, ok := d.FindPasskey(p.Credential)
	if !ok || !p.Holds(k) {
		return ""
	}
	return name
}

func (d directory) Admits(ticket []byte, name string) error {
	return mistaken(d.Directory.Admits(ticket, name))
}

func (d directory) Passkeys(s vault.Session) (name string, keys []vault.Passkey, err error) {
	me, err := d.Me(context.Background(), s)
	return me.Name, d.PasskeysOf(s), err
}

func (d directory) AddPasskey(ctx context.Context, s vault.Session, k vault.Passkey, secret []byte) error {
	return mistaken(d.Directory.AddPasskey(ctx, s, k, secret))
}

func (d directory) joined(ctx context.Context, e Entry) (in Entered, err error) {
	n := vault.Newcomer{Ticket: e.Ticket, Name: e.Name, Passphrase: e.Passphrase, Recovery: e.Recovery}
	if n.Accept, err = parseAccept(e.Accept); err != nil {
		return Entered{}, err
	}
	if e.NewPasskey != nil {
		n.Passkey, n.PasskeySecret = e.NewPasskey, e.PasskeySecret
		if in.Session, in.Recovery, err = d.JoinByPasskey(ctx, n); err != nil {
			in.Session.End()
			return Entered{}, mistaken(err)
		}
		return in, d.issued(&in)
	}
	if in.Session, err = d.Join(ctx, n); err != nil {
		in.Session.End()
		return Entered{}, mistaken(err)
	}
	if len(e.Recovery) == 0 {
		// Where this fails the person is here all the same, and can ask again.
		if in.Recovery, err = d.NewRecovery(in.Session); err != nil {
			in.Recovery = vault.Once{}
		}
	}
	return in, d.issued(&in)
}

func (d directory) issued(in *Entered) (err error) {
	if in.Secret, err = d.Issue(in.Session); err != nil {
		in.Session.End()
		*in = Entered{}
	}
	return err
}

func (d directory) Lock(s vault.Session, all bool) (others int, err error) {
	if all {
		d.LockAll(s)
	} else {
		s.End()
	}
	return d.Holding(s), nil
}

// mistaken turns what a person can mend into a *Mistake. Those errors were
// written for people and quote nothing.
func mistaken(err error) error {
	if back, is := errors.AsType[*vault.RolledBack](err); is {
		return &Mistake{"rolled_back", sentence(back), back.Text()}
	}
	if errors.Is(err, vault.ErrRecoveryCode) { // says in which group to look
		return &Mistake{Code: "invalid_recovery_code", Message: sentence(err)}
	}
	for known, code := range map[error]string{
		vault.ErrName: "invalid_name", vault.ErrNameTaken: "name_taken", vault.ErrDisabled: "disabled",
		vault.ErrPasskeyKnown: "passkey_known", vault.ErrPasskeys: "too_many_passkeys", vault.ErrPasskeyAlone: "passphrase_needed", vault.ErrLocked: "locked",
		vault.ErrTicket: "invalid_invitation", vault.ErrClaimed: "already_claimed", vault.ErrNewer: "newer_vault", vault.ErrSlots: "damaged_vault",
		vault.ErrShortPassphrase: "weak_passphrase", vault.ErrPlainPassphrase: "weak_passphrase", vault.ErrBadPassphrase: "weak_passphrase",
	} {
		if errors.Is(err, known) {
			return &Mistake{Code: code, Message: sentence(known)}
		}
	}
	return err
}

func parseAccept(s string) (*vault.RolledBack, error) {
	if s == "" {
		return nil, nil
	}
	b, err := vault.ParseRolledBack(s)
	if err != nil {
		return nil, &Mistake{Code: "invalid_accept", Message: "What is to be accepted is not as Abaton said it. Log in without it and read again."}
	}
	return b, nil
}

// sentence makes an error's text one for a person.
func sentence(err error) string {
	s := err.Error()
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
