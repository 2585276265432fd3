package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"unicode/utf8"
)

func loginVerb() verb {
	return verb{
		name: "login", short: "unlock your vault at the running server",
		about: "Unlocks your vault at the running `abaton serve`, for the programs of this account: chat remembers and history is at " +
			"hand until `abaton lock`, until 15 minutes pass without use, or 12 hours in all. Without a running server nothing is to be " +
			"unlocked beforehand: each verb asks by itself. " +
			"A passkey works on the page alone; who has no passphrase comes in here with the recovery code.",
		examples: []string{"abaton login", "abaton login --person bob", "abaton login --recovery"},
		settings: []string{"person"},
		codes:    []int{failed, unprotected, locked, found, stopped},
		bind: func(fs *flag.FlagSet) action {
			recovery := fs.Bool("recovery", false, "with the recovery code instead of the passphrase")
			older := fs.Bool("accept-older", false, "take the vault as it is, if it is older than it was: you restored a backup")
			return func(ctx context.Context, p *program, args []string) error {
				if err := wantNothing("login", args); err != nil {
					return err
				}
				return login(ctx, p, *recovery, *older)
			}
		},
	}
}

func lockVerb() verb {
	return verb{
		name: "lock", short: "lock your vault at the running server, now",
		about: "Locks your vault at the running `abaton serve` and ends your engines there: the keys leave its memory, " +
			"unless another session of yours keeps the vault open; then it says so. With --all every session of yours ends, those of " +
			"the page and of programs too.",
		examples: []string{"abaton lock", "abaton lock --all"},
		codes:    []int{failed, locked},
		bind: func(fs *flag.FlagSet) action {
			all := fs.Bool("all", false, "every session of yours, wherever it is")
			return func(ctx context.Context, p *program, args []string) error {
				if err := wantNothing("lock", args); err != nil {
					return err
				}
				return lockNow(ctx, p, *all)
			}
		},
	}
}

// admitted is what the door says to who came in.
type admitted struct {
	Session  string `json:"session"`
	Recovery string `json:"recovery_code"`
}

func login(ctx context.Context, p *program, recovery, older bool) error {
	c, err := connect(ctx, p.cfg.Folders.Socket())
	if err != nil {
		return err
	}
	if c == nil {
		return tell(errors.New("no abaton serve is running, so there is nothing to log in to: each verb asks for your passphrase by itself"))
	}
	name := p.cfg.Person
	if name == "" {
		name = usualName(p.cfg)
	}
	// Before a secret is typed, as everywhere.
	if err := closeWays(p); err != nil {
		return err
	}
	c = newClient(socketName)
	field, prompt := "passphrase", fmt.Sprintf("Passphrase of %s: ", cleanLine(name))
	if recovery {
		field, prompt = "recovery_code", fmt.Sprintf("Recovery code of %s: ", cleanLine(name))
	}
	secret, err := p.secret(ctx, prompt)
	if err != nil {
		return err
	}
	defer secret.wipe()
	if secret.n == 0 {
		return told{fmt.Errorf("nothing was typed, so nothing was unlocked. %s", withoutPassphrase), locked}
	}
	form := map[string]string{"name": name}
	in, err := c.login(ctx, p, p, older, form, field, secret)
	if no, is := errors.AsType[told](err); is && no.code == locked && !recovery {
		p.screen.complain(withoutPassphrase) // who has one is not told from who has none
	}
	if err != nil {
		return err
	}
	before, err := keptSession(p.cfg.Folders.Runtime)
	if err != nil {
		return tell(err)
	}
	if err := keepSession(p.cfg.Folders.Runtime, []byte(in.Session)); err != nil {
		return tell(err)
	}
	if before != "" {
		// Nobody has its secret any more, so no lock would reach it, and it would
		// keep the vault open. That it has ended already is no error.
		c.credential = before
		_ = c.post(ctx, "/abaton/lock", map[string]bool{"all": false}, func(io.Reader) error { return nil })
	}
	p.screen.say(fmt.Sprintf("Unlocked for %s. `abaton lock` locks it; 15 minutes without use do too.", cleanLine(name)))
	return nil
}

// withoutPassphrase says what to do to whoever has a passkey alone.
const withoutPassphrase = "If only a passkey opens your vault: it does so on the page, whose address `abaton serve` printed; at a terminal your recovery code does: `abaton login --recovery`. " +
	"`abaton vault passphrase --recovery` gives you a passphrase beside it."

// login enters, and asks about a vault that is older than it was, unless the
// person said beforehand that a backup was put back.
func (c *client) login(ctx context.Context, p *program, asks inquirer, older bool, form map[string]string, field string, secret *secretText) (admitted, error) {
	in, err := c.enter(ctx, "/abaton/login", form, field, secret)
	back, ok := errors.AsType[*rolledBackThere](err)
	if !ok {
		return in, err
	}
	if !older {
		if err := acceptRollback(ctx, p, asks, back); err != nil {
			return in, err
		}
	}
	form["accept"] = back.accept
	return c.enter(ctx, "/abaton/login", form, field, secret)
}

// enter sends a form with one secret field to the door. The secret is put into
// the body by hand, so that the one buffer it is in can be wiped.
func (c *client) enter(ctx context.Context, path string, form map[string]string, field string, secret *secretText) (in admitted, err error) {
	if !utf8.Valid(secret.bytes()) {
		return in, told{errors.New("what was typed is not valid UTF-8 text"), locked}
	}
	b, err := json.Marshal(form)
	if err != nil {
		return in, err
	}
	body := make([]byte, 0, len(b)+2*longestSecret+64)
	body = append(body, b[:len(b)-1]...)
	body = fmt.Appendf(body, `,%q:"`, field)
	for _, x := range secret.bytes() {
		if x == '"' || x == '\\' {
			body = append(body, '\\')
		}
		body = append(body, x)
	}
	body = append(body, `"}`...)
	defer clear(body)
	err = c.postBody(ctx, path, body, func(r io.Reader) error {
		if err := json.NewDecoder(r).Decode(&in); err != nil {
			return tell(fmt.Errorf("the running abaton serve answered with what cannot be read: %w", err))
		}
		return nil
	})
	return in, err
}

// rolledBackThere says that a vault at the running serve is older than it was.
type rolledBackThere struct {
	message string
	accept  string
}

func (e *rolledBackThere) Error() string { return e.message }

func lockNow(ctx context.Context, p *program, all bool) error {
	c, err := connect(ctx, p.cfg.Folders.Socket())
	if err != nil {
		return err
	}
	if c == nil {
		if err := dropSession(p.cfg.Folders.Runtime); err != nil {
			return tell(err)
		}
		p.screen.say("No abaton serve is running: every vault is locked.")
		return nil
	}
	secret, err := keptSession(p.cfg.Folders.Runtime)
	if err != nil {
		return tell(err)
	}
	if secret == "" {
		return told{errors.New("you are not logged in at the running abaton serve: nothing of yours is unlocked by this account"), locked}
	}
	c.credential = secret
	var said struct {
		Others int `json:"other_sessions"`
	}
	if err := c.post(ctx, "/abaton/lock", map[string]bool{"all": all}, func(r io.Reader) error { return json.NewDecoder(r).Decode(&said) }); err != nil {
		return err
	}
	if err := dropSession(p.cfg.Folders.Runtime); err != nil {
		return tell(err)
	}
	p.screen.say(lockedWords(said.Others))
	return nil
}

// lockedWords says what a lock did: nobody shall take a vault for closed that
// another session keeps open.
func lockedWords(others int) string {
	switch others {
	case 0:
		return "Locked."
	case 1:
		return "Locked here; another session of yours keeps the vault open: `abaton lock --all` ends it."
	}
	return fmt.Sprintf("Locked here; %d other sessions of yours keep the vault open: `abaton lock --all` ends them.", others)
}

// acceptRollback tells that a vault is older than it was, and asks whether it is
// meant to be there.
func acceptRollback(ctx context.Context, p *program, asks inquirer, older error) error {
	p.screen.complain(older.Error())
	if !p.screen.inTTY {
		return told{errors.New("the vault is not as it was last seen: if you restored a backup yourself: abaton vault --accept-older"), found}
	}
	ok, err := asks.confirm(ctx, "Did you put a backup back yourself, and shall this older state count from now on?")
	if err == nil && !ok {
		err = told{errors.New("nothing was opened; put the newest store back, or the newest backup"), found}
	}
	return err
}
