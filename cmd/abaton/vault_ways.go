package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"abaton.local/vault"
)

// changePassphrase asks the present passphrase, or the recovery code in its
// place, and a new one. In this process the first of them also unlocks.
func changePassphrase(ctx context.Context, p *program, o vaultOptions) error {
	d, old, err := openBySecret(ctx, p, o, o.recovery)
	if err != nil {
		return err
	}
	defer d.close()
	defer old.wipe()
	fresh, err := askNewPassphrase(ctx, p)
	if err != nil {
		return err
	}
	defer fresh.wipe()
	in := passphrases{New: fresh.bytes()}
	if !o.recovery {
		in.Old = old.bytes()
	}
	if _, err := replacePassphrase().at(ctx, d, in); err != nil {
		return err
	}
	p.screen.say("The new passphrase opens your vault from now on; the old one does not. Your other sessions have ended.")
	return nil
}

// openBySecret opens a desk and keeps the secret that was typed: what changes a
// vault wants it again, and asking twice would teach people to type it often.
func openBySecret(ctx context.Context, p *program, o vaultOptions, recovery bool) (*desk, *secretText, error) {
	what, way := "Present passphrase", vault.SlotPassphrase
	if recovery {
		what, way = "Recovery code", vault.SlotRecovery
	}
	var typed *secretText
	ask := func(name string) (err error) {
		if name != "" {
			name = " of " + cleanLine(name)
		}
		typed, err = p.secret(ctx, what+name+": ")
		return err
	}
	d, err := openDeskFor(ctx, p, deskOptions{older: o.older, attempt: func(a *vault.Attempt) error {
		if err := ask(a.Name); err != nil {
			return err
		}
		a.Way, a.Secret = way, typed.bytes()
		return nil
	}})
	if err == nil && d.remote != nil {
		typed = &secretText{}
		if !recovery { // else who logged in with the recovery code has proven enough
			err = ask("")
		}
	}
	if err != nil {
		if typed != nil {
			typed.wipe()
		}
		return nil, nil, err
	}
	return d, typed, nil
}

type passphrases struct {
	Old []byte `json:"old"` // empty for who came with the recovery code
	New []byte `json:"new"`
}

// replacePassphrase replaces the passphrase of the session's person.
func replacePassphrase() call[passphrases, struct{}] {
	return call[passphrases, struct{}]{"vault/passphrase", func(ctx context.Context, h *home, s vault.Session, in passphrases) (struct{}, error) {
		defer clear(in.Old)
		defer clear(in.New)
		return struct{}{}, h.people.ChangePassphrase(ctx, s, in.Old, in.New)
	}}
}

func renewRecovery(ctx context.Context, p *program, d *desk) error {
	code, err := drawRecovery().at(ctx, d, struct{}{})
	if err != nil {
		return err
	}
	defer clear(code)
	err = showRecovery(ctx, p, code, func(back []byte) error {
		_, err := confirmRecovery().at(ctx, d, back)
		return err
	})
	if err != nil {
		return err
	}
	p.screen.say("This code opens your vault from now on; an earlier one does not. Your other sessions have ended.")
	return nil
}

// drawRecovery draws a recovery code; it opens nothing before confirmRecovery.
func drawRecovery() call[struct{}, []byte] {
	return call[struct{}, []byte]{"vault/recovery/new", func(_ context.Context, h *home, s vault.Session, _ struct{}) ([]byte, error) {
		code, err := h.people.NewRecovery(s)
		return code.Reveal(), err
	}}
}

func rotateVault(ctx context.Context, p *program, o vaultOptions) error {
	d, passphrase, err := openBySecret(ctx, p, o, false)
	if err != nil {
		return err
	}
	defer d.close()
	defer passphrase.wipe()
	code := &secretText{}
	if !o.newRecovery {
		if code, err = p.secret(ctx, "Recovery code, to keep it (Enter: a new one): "); err != nil {
			return err
		}
	}
	defer code.wipe()
	p.screen.say("Making a new root key, and sealing everything anew …")
	gone, err := rotate().at(ctx, p, d, "sealing anew", rotation{passphrase.bytes(), code.bytes()})
	if err != nil {
		return err
	}
	p.screen.say("Your vault has a new root key, and all that it holds is sealed anew.")
	renew := false
	for _, w := range gone {
		if w.Kind == vault.SlotRecovery {
			renew = true
		}
	}
	if n := len(gone); n > 0 && !(n == 1 && renew) {
		p.screen.say("Access tokens with the scope `all` and passkeys could not be taken along: make new ones (abaton keys create).")
	}
	if !renew {
		return nil
	}
	p.screen.say("The old recovery code opens nothing any more; here is a new one.")
	if err := renewRecovery(ctx, p, d); err != nil {
		p.screen.say("Your vault has no recovery code now: `abaton vault recovery` makes one.")
		return err
	}
	return nil
}

type rotation struct {
	Passphrase []byte `json:"passphrase"`
	Recovery   []byte `json:"recovery"` // empty: it is not taken along
}

// rotate gives the session's vault a new root key and seals all records anew.
// It tells which ways to open it could not be taken along. Once there is a new
// root key, hanging up does not stop what is left: only a lock does, and the
// next `abaton vault verify` goes on.
func rotate() long[rotation, []vault.Way] {
	return long[rotation, []vault.Way]{"vault/rotate", func(ctx context.Context, h *home, s vault.Session, in rotation, p progress) ([]vault.Way, error) {
		defer clear(in.Passphrase)
		defer clear(in.Recovery)
		gone, err := h.people.Rotate(ctx, s, in.Passphrase, in.Recovery)
		if err != nil {
			return nil, err
		}
		if gone == nil {
			gone = []vault.Way{}
		}
		// Snapshots of conversations cost nothing but time, and would take long to seal anew.
		unread := h.unread(ctx, s)
		return gone, errors.Join(sealAnew(context.WithoutCancel(ctx), s, p), unread)
	}}
}

// sealAnew seals what still lies under keys from before a rotation.
func sealAnew(ctx context.Context, s vault.Session, p progress) error {
	v, err := s.Vault()
	if err != nil {
		return err
	}
	all := v.Left()
	for v.Left() != 0 && err == nil {
		if err = v.Continue(ctx); err == nil {
			_, err = s.Vault() // it is at work, not idle; and a lock ends it
		}
		p(all-max(v.Left(), 0), all)
	}
	return err
}

func addEscrow(ctx context.Context, p *program, d *desk, recipient string, yes bool) error {
	ok, err := p.agreed(ctx, yes, fmt.Sprintf("Whoever holds the secret key of %s can open your vault and read all that you keep, now and later, until you take "+
		"it back with `abaton vault escrow remove`. What they read until then cannot be taken back. Let them?", vault.Fingerprint(recipient)))
	if err != nil || !ok {
		return err
	}
	if _, err := letEscrow().at(ctx, d, recipient); err != nil {
		return err
	}
	p.screen.say("Done. `abaton vault` shows it for as long as it stays, and its use goes on the audit log.")
	return nil
}

// letEscrow lets an organisation's recipient open the session's vault.
func letEscrow() call[string, struct{}] {
	return call[string, struct{}]{"vault/escrow/add", func(ctx context.Context, h *home, s vault.Session, recipient string) (struct{}, error) {
		return struct{}{}, h.people.AddEscrow(ctx, s, recipient)
	}}
}

func removeEscrow(ctx context.Context, p *program, d *desk) error {
	ways, err := listWays().at(ctx, d, struct{}{})
	if err != nil {
		return err
	}
	n := 0
	for _, w := range ways {
		if w.Kind == vault.SlotEscrow {
			if _, err := takeWay().at(ctx, d, w.ID.String()); err != nil {
				return err
			}
			n++
		}
	}
	if n == 0 {
		return tell(errors.New("no organisation can open your vault: there is nothing to remove"))
	}
	p.screen.say("No organisation can open your vault any more. If one may have done so, `abaton vault rotate` gives it a new root key.")
	return nil
}

func removeWay(ctx context.Context, p *program, d *desk, id string, yes bool) error {
	ways, err := listWays().at(ctx, d, struct{}{})
	if err != nil {
		return err
	}
	i, err := wayNamed(ways, id)
	if err != nil {
		return tell(err)
	}
	ok, err := p.agreed(ctx, yes, fmt.Sprintf("The %s (%s) will not open your vault any more.", ways[i].Kind, shortID(ways[i].ID)))
	if err != nil || !ok {
		return err
	}
	if _, err := takeWay().at(ctx, d, id); err != nil {
		return err
	}
	p.screen.say(fmt.Sprintf("The %s does not open your vault any more. Your other sessions have ended.", ways[i].Kind))
	return nil
}

// wayNamed finds a way by the beginning of its ID.
func wayNamed(ways []vault.Way, id string) (int, error) {
	return theOne(ways, "nothing that opens your vault has that ID: `abaton vault` lists them", "several IDs begin so: type more of it",
		func(w vault.Way) bool { return len(id) >= 4 && strings.HasPrefix(w.ID.String(), id) })
}

// listWays is all that can open the session's vault.
func listWays() call[struct{}, []vault.Way] {
	return call[struct{}, []vault.Way]{"vault/ways", func(ctx context.Context, h *home, s vault.Session, _ struct{}) ([]vault.Way, error) {
		return h.people.Ways(ctx, s)
	}}
}

// takeWay takes a way to open the session's vault away, by the beginning of its ID.
func takeWay() call[string, vault.Way] {
	return call[string, vault.Way]{"vault/ways/remove", func(ctx context.Context, h *home, s vault.Session, id string) (vault.Way, error) {
		list, err := h.people.Ways(ctx, s)
		if err != nil {
			return vault.Way{}, err
		}
		i, err := wayNamed(list, id)
		if err != nil {
			return vault.Way{}, err
		}
		err = h.people.RemoveWay(ctx, s, list[i].ID)
		if errors.Is(err, vault.ErrNoRecord) {
			err = errors.New("this is the way of an access token: `abaton keys revoke` takes it away")
		}
		return list[i], err
	}}
}

// agreed asks for a yes, unless it was given beforehand.
func (p *program) agreed(ctx context.Context, yes bool, question string) (bool, error) {
	if yes {
		return true, nil
	}
	if !p.screen.inTTY {
		return false, usageError{p.verb, "nobody is there to ask: say --yes if you mean it."}
	}
	p.screen.say(question)
	ok, err := p.confirm(ctx, "Go on?")
	if err == nil && !ok {
		p.screen.say("Nothing was changed.")
		err = errStopped
	}
	return ok, err
}
