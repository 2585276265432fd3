package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/user"
	"path/filepath"

	"abaton.local/vault"
)

func setupVerb() verb {
	return verb{
		name: "setup", short: "make your vault, so that conversations are kept and only you can open them",
		about: "Makes the vault of the first person here, who becomes the owner, or with an invitation that of one more. It asks for a " +
			"name and a passphrase, offers one of six words, and shows a recovery code once. Without a terminal the first line of " +
			"standard input is the passphrase, and the recovery code is printed. Nobody else can open the vault: not the owner, " +
			"not an administrator, and not we. Who loses both passphrase and recovery code has lost what is in it.",
		examples: []string{"abaton setup", "abaton setup --person ada", "abaton setup --person bob --invitation abi_…", "abaton setup --recovery"},
		settings: []string{"person"},
		codes:    []int{failed, unprotected, locked, found, stopped},
		bind: func(fs *flag.FlagSet) action {
			invitation := fs.String("invitation", "", "the `TEXT` that an owner gave you: abaton people invite")
			recovery := fs.Bool("recovery", false, "come back to a vault that a backup brought here, with its recovery code")
			older := fs.Bool("accept-older", false, olderHelp)
			return func(ctx context.Context, p *program, args []string) error {
				if err := wantNothing("setup", args); err != nil {
					return err
				}
				if c, err := connect(ctx, p.cfg.Folders.Socket()); err != nil {
					return err
				} else if c != nil {
					if *recovery {
						return told{errors.New("an abaton serve is running: end it to come back with a recovery code, then start it again"), failed}
					}
					return setUpThere(ctx, p, *invitation)
				}
				return setUpHere(ctx, p, *invitation, *recovery, *older)
			}
		},
	}
}

// setUpHere makes a person in this process, which then owns the store.
func setUpHere(ctx context.Context, p *program, invitation string, back, older bool) error {
	lock, err := lockStore(p.cfg.Folders.State, p.verb)
	if err != nil {
		return tell(err)
	}
	defer lock.release()
	// Before anything is opened: the directory is a vault, too.
	if err := closeWays(p); err != nil {
		return err
	}
	h, err := openHomeFor(ctx, p, &deskOptions{homeOptions: homeOptions{make: true}, older: older})
	if err != nil {
		return err
	}
	defer h.close()
	ticket := []byte(invitation)
	if invitation == "" {
		claim, err := h.people.Claim()
		if errors.Is(err, vault.ErrClaimed) {
			return told{fmt.Errorf("%w: abaton people invite; then: abaton setup --invitation TEXT", err), failed}
		}
		if err != nil {
			return tell(err)
		}
		defer claim.Clear()
		ticket = claim.Reveal()
	}
	recovery := &secretText{}
	if back {
		if recovery, err = p.secret(ctx, "Recovery code of your vault: "); err != nil {
			return err
		}
		defer recovery.wipe()
		if recovery.n == 0 { // it would be a new vault
			return tell(vault.ErrRecoveryCode)
		}
	}
	n, err := askNewcomer(ctx, p)
	if err != nil {
		return err
	}
	defer n.wipe()
	if !back {
		s, err := makeVault(ctx, p, h, n, ticket)
		if err == nil {
			s.End()
		}
		return err
	}
	comer := vault.Newcomer{Ticket: ticket, Name: n.name, Passphrase: n.passphrase.bytes(), Recovery: recovery.bytes()}
	s, err := join(ctx, p, h, comer)
	if seen, ok := errors.AsType[*vault.RolledBack](err); ok {
		if comer.Accept = seen; !older {
			if err := acceptRollback(ctx, p, p, seen); err != nil {
				return err
			}
		}
		s, err = join(ctx, p, h, comer)
	}
	if errors.Is(err, vault.ErrWrong) {
		return told{errors.New("this recovery code opens no vault here that is without a person: is it of the vault in this backup, and of a time before it?"), locked}
	}
	if err != nil {
		return err
	}
	defer s.End()
	p.screen.say("Your vault is yours again; its recovery code stays good.")
	farewell(p, n.name)
	return nil
}

// makeVault makes somebody's vault in this process, and the recovery code for it.
func makeVault(ctx context.Context, p *program, h *home, n newcomer, ticket []byte) (s vault.Session, err error) {
	if s, err = join(ctx, p, h, vault.Newcomer{Ticket: ticket, Name: n.name, Passphrase: n.passphrase.bytes()}); err != nil {
		return s, err
	}
	defer func() {
		if err != nil {
			s.End()
			p.screen.say("Your vault is made, and opens with your passphrase alone: `abaton vault recovery` gives it a recovery code.")
		}
	}()
	code, err := h.people.NewRecovery(s)
	if err != nil {
		return s, tell(err)
	}
	defer code.Clear()
	if err := showRecovery(ctx, p, code.Reveal(), func(back []byte) error { return h.people.ConfirmRecovery(ctx, s, back) }); err != nil {
		return s, err
	}
	farewell(p, n.name)
	return s, nil
}

// join lets somebody in who has a ticket.
func join(ctx context.Context, p *program, h *home, n vault.Newcomer) (vault.Session, error) {
	p.screen.say("Making the vault …")
	s, err := h.people.Join(ctx, n)
	if err != nil {
		return s, tell(err)
	}
	// The token of the time before anybody was here opens nothing any more.
	if err := os.Remove(filepath.Join(p.cfg.Folders.Tokens(), "token.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.End()
		return s, tell(err)
	}
	return s, nil
}

// showRecovery shows a recovery code and has it typed back. Where nobody looks
// it is printed, and whoever reads it has it.
func showRecovery(ctx context.Context, p *program, code []byte, confirm func([]byte) error) error {
	if !p.screen.inTTY {
		if _, err := fmt.Fprintf(p.screen.out, "recovery code: %s\n", code); err != nil {
			return tell(err)
		}
		return tell(confirm(code))
	}
	p.screen.say("\nThis recovery code opens your vault when the passphrase is forgotten or this machine is lost. It is shown this once:\n")
	p.screen.errs.Write(append(append([]byte("    "), code...), "\n\n"...))
	p.screen.say("Write it down and keep it away from this machine.")
	for {
		back, err := p.secret(ctx, "Type it back (not shown): ")
		if err != nil {
			return err
		}
		err = confirm(back.bytes())
		back.wipe()
		if err == nil {
			return nil
		}
		if !errors.Is(err, vault.ErrOtherCode) && !errors.Is(err, vault.ErrRecoveryCode) {
			return tell(err)
		}
		p.screen.complain(err.Error())
	}
}

func farewell(p *program, name string) {
	p.screen.say(fmt.Sprintf("The vault of %s is ready. `abaton chat` remembers conversations from now on; `abaton vault status` says who can open them "+
		"and where they lie.\nThey are encrypted at rest under keys that only you can unlock. While you are signed in, the machine that answers "+
		"you must see your words; whoever controls that machine at that moment could too.", cleanLine(name)))
}

// usualName is what somebody is called when they do not say.
func usualName(c config) string {
	if u, err := user.Current(); err == nil && u.Username != c.User {
		return u.Username
	}
	return "owner"
}

// setUpThere makes a person at a running serve.
func setUpThere(ctx context.Context, p *program, invitation string) error {
	if invitation == "" {
		return told{errors.New("an abaton serve is running: give the claim that it told at its start, or an owner's invitation: abaton setup --invitation TEXT"), failed}
	}
	// Before a secret is typed, as everywhere.
	if err := closeWays(p); err != nil {
		return err
	}
	c := newClient(socketName)
	n, err := askNewcomer(ctx, p)
	if err != nil {
		return err
	}
	defer n.wipe()
	p.screen.say("Making the vault …")
	in, err := c.enter(ctx, "/abaton/join", map[string]string{"invitation": invitation, "name": n.name}, "passphrase", n.passphrase)
	if err != nil {
		return err
	}
	if err := keepSession(p.cfg.Folders.Runtime, []byte(in.Session)); err != nil {
		return tell(err)
	}
	d, err := remoteDesk(p)
	if err != nil {
		return err
	}
	defer d.close()
	err = showRecovery(ctx, p, []byte(in.Recovery), func(back []byte) error {
		_, err := confirmRecovery().at(ctx, d, back)
		return err
	})
	if err != nil {
		return err
	}
	farewell(p, n.name)
	return nil
}

// confirmRecovery makes the code that was shown the one that opens the vault.
func confirmRecovery() call[[]byte, struct{}] {
	return call[[]byte, struct{}]{"vault/recovery/confirm", func(ctx context.Context, h *home, s vault.Session, back []byte) (struct{}, error) {
		return struct{}{}, h.people.ConfirmRecovery(ctx, s, back)
	}}
}
