package main

import (
	"context"
	"errors"
	"fmt"

	"abaton.local/vault"
)

// asWhom is how somebody wants to talk.
type asWhom struct {
	guest    bool
	goOn     bool   // with the newest conversation
	resume   string // with the one whose identifier begins so
	terminal bool   // somebody is there to be asked
	news     *news  // of what is being fetched; nil: all is here
}

// continues says whether a conversation is to be gone on with.
func (w asWhom) continues() bool { return w.goOn || w.resume != "" }

func (w asWhom) check() error {
	switch {
	case w.goOn && w.resume != "":
		return usageError{"chat", "--continue goes on with the newest conversation, --resume with the one you name: give one of them."}
	case w.guest && w.continues():
		return usageError{"chat", "a guest has no conversations to go on with: leave --guest out."}
	case !w.terminal && w.continues():
		return usageError{"chat", "a conversation is gone on with at a terminal: from a pipe you are a guest, and nothing is kept."}
	}
	return nil
}

// guestDesk is where nothing is kept.
func guestDesk() *desk { return &desk{session: vault.Guest(), close: func() {}} }

// seated is who talks, and what the greeting says about what is kept.
type seated struct {
	*desk
	kept   bool
	notice string
}

// seatHere finds out who talks: a home that is open asks for the passphrase, of
// which none means a guest.
func seatHere(ctx context.Context, p *program, h *home, w asWhom) (seated, error) {
	switch {
	case w.guest:
		return seated{desk: guestDesk(), notice: "As a guest: nothing of this conversation is kept."}, nil
	case !w.terminal:
		return seated{desk: guestDesk(), notice: "Nothing of this conversation is kept: standard input is not a terminal."}, nil
	case h == nil && w.continues():
		return seated{}, told{errNobody, failed}
	case h == nil:
		return seated{desk: guestDesk(), notice: "Nothing of this conversation is kept. `abaton setup` changes that, and then only you can open what you said."}, nil
	}
	d := &desk{home: h, close: func() {}}
	err := d.open(ctx, p, !w.continues(), p)
	if errors.Is(err, errAsGuest) {
		return seated{desk: guestDesk(), notice: "As a guest: nothing of this conversation is kept."}, nil
	}
	return seated{desk: d, kept: true, notice: keptFor(personName(p))}, err
}

// seatThere is the same at a running serve, which knows who is logged in.
func seatThere(ctx context.Context, p *program, w asWhom) (seated, error) {
	if w.guest || !w.terminal {
		return seatHere(ctx, p, nil, w)
	}
	secret, err := keptSession(p.cfg.Folders.Runtime)
	if err != nil {
		return seated{}, tell(err)
	}
	const login = "You are not logged in at the running abaton serve, so nothing of this conversation is kept: `abaton login` changes that."
	d := &desk{remote: newClient(socketName), close: func() {}}
	d.remote.credential = secret
	if secret != "" {
		_, err = listHistory().at(ctx, d, listIn{Most: 1})
	}
	switch {
	case err != nil && !isLocked(err):
		return seated{}, err
	case secret != "" && err == nil:
		return seated{desk: d, kept: true, notice: "Kept in your vault at the running abaton serve; only you can open it."}, nil
	case w.continues():
		return seated{}, told{errors.New("you are not logged in at the running abaton serve: `abaton login`, then again"), locked}
	}
	return seated{desk: guestDesk(), notice: login}, nil
}

func keptFor(name string) string {
	return fmt.Sprintf("Kept in the vault of %s, who alone can open it.", cleanLine(name))
}

// personName is who somebody says they are.
func personName(p *program) string {
	if p.cfg.Person != "" {
		return p.cfg.Person
	}
	return usualName(p.cfg)
}

// errAsGuest says that somebody gave no passphrase where none is needed.
var errAsGuest = errors.New("as a guest")

// attempts is how often a passphrase may be mistyped before the verb ends.
const attempts = 3

// open unlocks the vault of whoever is at the desk. Where guests may stay, no
// passphrase is errAsGuest.
func (d *desk) open(ctx context.Context, p *program, guests bool, asks inquirer) (err error) {
	prompt := fmt.Sprintf("Passphrase of %s: ", cleanLine(personName(p)))
	if guests {
		prompt = fmt.Sprintf("Passphrase of %s (Enter alone: as a guest): ", cleanLine(personName(p)))
	}
	for n := 1; ; n++ {
		err = d.try(ctx, p, prompt, guests, asks)
		if !errors.Is(err, vault.ErrWrong) || n == attempts {
			return err
		}
		said, _ := words(err, p.log)
		p.screen.complain(said)
	}
}

// reopen unlocks the vault again, here or at a running serve.
func (d *desk) reopen(ctx context.Context, p *program, asks inquirer) error {
	if d.remote == nil {
		return d.open(ctx, p, false, asks)
	}
	typed, err := asks.secret(ctx, fmt.Sprintf("Passphrase of %s: ", cleanLine(personName(p))))
	if err != nil {
		return err
	}
	defer typed.wipe()
	in, err := newClient(socketName).login(ctx, p, asks, false, map[string]string{"name": personName(p)}, "passphrase", typed)
	if err != nil {
		return err
	}
	d.remote.credential = in.Session
	return tell(keepSession(p.cfg.Folders.Runtime, []byte(in.Session)))
}

func (d *desk) try(ctx context.Context, p *program, prompt string, guests bool, asks inquirer) error {
	var typed *secretText
	defer func() {
		if typed != nil {
			typed.wipe()
		}
	}()
	s, err := unlock(ctx, p, d.home.people, deskOptions{asks: asks, attempt: func(a *vault.Attempt) (err error) {
		if typed, err = asks.secret(ctx, prompt); err != nil {
			return err
		}
		if typed.n == 0 && guests {
			return errAsGuest
		}
		a.Secret = typed.bytes()
		return nil
	}})
	if err == nil {
		d.session = s
	}
	return err
}
