package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"abaton.local/vault"
)

// desk is where verbs about people, and about what they keep, are done: in this
// process, which then owns the store, or by a running serve.
type desk struct {
	home    *home         // in this process
	session vault.Session // of who is at the desk
	remote  *client       // by a running serve
	close   func()
}

// call is one thing that can be done at a desk.
type call[In, Out any] struct {
	name string
	do   func(context.Context, *home, vault.Session, In) (Out, error)
}

// at does a call at a desk.
func (c call[In, Out]) at(ctx context.Context, d *desk, in In) (out Out, err error) {
	if d.remote != nil {
		return out, d.remote.call(ctx, c.name, in, &out)
	}
	out, err = c.do(ctx, d.home, d.session, in)
	return out, tell(err)
}

// openDesk opens a desk for a person who is known: at a running serve the one
// who is logged in there, else whoever unlocks their vault here, in a process
// that is locked down before the secret is typed.
func openDesk(ctx context.Context, p *program) (*desk, error) {
	return openDeskFor(ctx, p, deskOptions{})
}

// openDeskFor is openDesk with options for a desk in this process.
func openDeskFor(ctx context.Context, p *program, o deskOptions) (*desk, error) {
	if c, err := connect(ctx, p.cfg.Folders.Socket()); err != nil {
		return nil, err
	} else if c != nil {
		return remoteDesk(p)
	}
	return localDesk(ctx, p, o)
}

type deskOptions struct {
	homeOptions
	attempt func(*vault.Attempt) error // fills in a way other than the passphrase
	older   bool                       // the person said beforehand that a backup was put back
	asks    inquirer                   // nil: the program
	reads   bool                       // documents, in a jail
}

// olderHelp is the help of the flag --accept-older.
const olderHelp = "take the vault as it is, if it is older than it was: you restored a backup"

// stream is a call whose result is large: it is written as it comes.
type stream[In any] struct {
	name string
	do   func(context.Context, *home, vault.Session, In, io.Writer) error
}

// at does a stream at a desk.
func (c stream[In]) at(ctx context.Context, d *desk, in In, w io.Writer) error {
	if d.remote != nil {
		return d.remote.post(ctx, doPath+c.name, in, func(body io.Reader) error {
			if _, err := io.Copy(w, body); err != nil {
				return tell(fmt.Errorf("what the running abaton serve sent broke off: %w", err))
			}
			return nil
		})
	}
	return tell(c.do(ctx, d.home, d.session, in, w))
}

// localDesk opens the home in this process and unlocks one vault.
func localDesk(ctx context.Context, p *program, o deskOptions) (_ *desk, err error) {
	if !isHome(p.cfg.Folders) {
		return nil, told{errNobody, failed}
	}
	lock, err := lockStore(p.cfg.Folders.State, p.verb)
	if err != nil {
		return nil, tell(err)
	}
	d := &desk{}
	d.close = func() {
		if d.home != nil {
			if err := d.home.close(); err != nil {
				p.log.Error("closing the store", "error", err.Error())
			}
		}
		if o.jail != nil {
			if err := o.jail.Close(); err != nil {
				p.log.Error("closing the jail", "error", err.Error())
			}
		}
		lock.release()
	}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if o.reads {
		if o.jail, err = openJail(ctx, p); err != nil {
			return nil, err
		}
	}
	// Before anything is opened: the directory is a vault, too.
	if err := closeWays(p); err != nil {
		return nil, err
	}
	if d.home, err = openHomeFor(ctx, p, &o); err != nil {
		return nil, err
	}
	if d.home.people.Unclaimed() {
		return nil, told{errNobody, failed}
	}
	if d.session, err = unlock(ctx, p, d.home.people, o); err != nil {
		return nil, err
	}
	return d, nil
}

// openHomeFor opens the home for a person, who says whether an older list of
// people is meant to be there: it is theirs who run the machine.
func openHomeFor(ctx context.Context, p *program, o *deskOptions) (*home, error) {
	h, err := openHome(ctx, p, o.homeOptions)
	if older, ok := errors.AsType[*vault.RolledBack](err); ok {
		if !o.older {
			if err := acceptRollback(ctx, p, p, older); err != nil {
				return nil, err
			}
		}
		o.accept, o.older = older, true // so nothing else that is older is asked about
		h, err = openHome(ctx, p, o.homeOptions)
	}
	if err != nil {
		return nil, err // closed already
	}
	return h, nil
}

// errNobody says that the verb needs a person and there is none.
var errNobody = errors.New("nobody is set up here yet: `abaton setup` does it; until then nothing is kept")

// unlock asks who it is and for their passphrase, and tells of a vault that is
// older than it was.
func unlock(ctx context.Context, p *program, people *vault.Directory, o deskOptions) (vault.Session, error) {
	a := vault.Attempt{Name: p.cfg.Person, Way: vault.SlotPassphrase}
	if a.Name == "" {
		a.Name = usualName(p.cfg)
	}
	if o.attempt != nil {
		if err := o.attempt(&a); err != nil {
			return vault.Session{}, err
		}
	} else {
		secret, err := p.secret(ctx, fmt.Sprintf("Passphrase of %s: ", cleanLine(a.Name)))
		if err != nil {
			return vault.Session{}, err
		}
		defer secret.wipe()
		a.Secret = secret.bytes()
	}
	s, err := people.Unlock(ctx, a)
	if older, ok := errors.AsType[*vault.RolledBack](err); ok {
		a.Accept = older
		if !o.older {
			if o.asks == nil {
				o.asks = p
			}
			if err := acceptRollback(ctx, p, o.asks, older); err != nil {
				return s, err
			}
		}
		s, err = people.Unlock(ctx, a)
	}
	return s, tell(err)
}
