package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"abaton.local/vault"
)

// newcomer is what somebody typed who comes in for the first time.
type newcomer struct {
	name       string
	passphrase *secretText
}

func (n newcomer) wipe() { n.passphrase.wipe() }

// askNewcomer asks for a name and a passphrase, which is typed twice unless it
// is the one that is offered.
func askNewcomer(ctx context.Context, p *program) (n newcomer, err error) {
	if n.name, err = askName(ctx, p); err != nil {
		return n, err
	}
	n.passphrase, err = askNewPassphrase(ctx, p)
	return n, err
}

// askName asks what somebody is to be called, unless the command line says it.
func askName(ctx context.Context, p *program) (string, error) {
	usual := usualName(p.cfg)
	if p.cfg.Person != "" || !p.screen.inTTY {
		name, err := vault.ParseName(cmp.Or(p.cfg.Person, usual))
		if err != nil {
			return "", told{err, wrongUsage}
		}
		return name, nil
	}
	for {
		typed, err := p.answer(ctx, fmt.Sprintf("Your name here [%s]: ", usual), usual)
		if errors.Is(err, errNoSecret) {
			err = errStopped // Ctrl-D
		}
		if err != nil {
			return "", err
		}
		name, err := vault.ParseName(typed)
		if err == nil {
			return name, nil
		}
		p.screen.complain(err.Error())
	}
}

// askNewPassphrase asks for a passphrase to be used from now on.
func askNewPassphrase(ctx context.Context, p *program) (*secretText, error) {
	if !p.screen.inTTY {
		t, err := p.secret(ctx, "")
		if err != nil {
			return nil, err
		}
		return t, tell(vault.CheckPassphrase(t.bytes()))
	}
	offer := vault.NewPhrase()
	defer offer.Clear()
	p.screen.say("A passphrase of six words was drawn for you:\n")
	p.screen.errs.Write(append(append([]byte("    "), offer.Reveal()...), "\n\n"...))
	p.screen.say("Write it down where only you find it. Enter takes it; or type one of your own.")
	for {
		t, err := p.secret(ctx, "Passphrase (Enter takes the six words): ")
		if err != nil {
			return nil, err
		}
		if t.n == 0 {
			t.n = copy(t.buffer[:longestSecret], offer.Reveal())
			return t, nil
		}
		if err := vault.CheckPassphrase(t.bytes()); err != nil {
			t.wipe()
			p.screen.complain(err.Error())
			continue
		}
		again, err := p.secret(ctx, "Once more: ")
		if err != nil {
			t.wipe()
			return nil, err
		}
		same := bytes.Equal(t.bytes(), again.bytes())
		again.wipe()
		if same {
			return t, nil
		}
		t.wipe()
		p.screen.complain("these two differ; type it again")
	}
}
