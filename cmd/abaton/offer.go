package main

import (
	"context"
	"errors"
	"strings"
)

// welcome offers a vault to somebody who waits for engine and model, where
// nobody has one yet, and makes it. The process is locked down and holds the
// store's lock. Without a home the person goes on as a guest; without a seat
// they have still to say who they are.
func welcome(ctx context.Context, p *program, r *rooms) (h *home, s *seated, err error) {
	if isHome(p.cfg.Folders) {
		if h, err = openHomeFor(ctx, p, &deskOptions{homeOptions: homeOptions{rooms: r}}); err != nil {
			return nil, nil, err
		}
		if !h.people.Unclaimed() {
			return h, nil, nil
		}
	}
	defer func() {
		if err != nil && h != nil {
			err = errors.Join(err, h.close())
			h = nil
		}
	}()
	p.screen.say("Engine and model are being fetched, which takes some minutes this once. Meanwhile you can make your vault: then conversations " +
		"are kept, and only you can open them. Without it you are a guest, and nothing is kept.")
	yes, err := p.offer(ctx, "Make your vault now? [Y/n] ")
	if err != nil {
		return h, nil, err
	}
	if !yes {
		p.screen.say("As a guest, then. `abaton setup` makes your vault whenever you like.")
		if h != nil {
			err = h.close()
		}
		return nil, nil, err
	}
	n, err := askNewcomer(ctx, p)
	if err != nil {
		return h, nil, err
	}
	defer n.wipe()
	if h == nil { // not before all is said: who stops until here leaves nothing behind
		if h, err = openHome(ctx, p, homeOptions{make: true, rooms: r}); err != nil {
			return nil, nil, err
		}
	}
	claim, err := h.people.Claim()
	if err != nil {
		return h, nil, tell(err)
	}
	defer claim.Clear()
	session, err := makeVault(ctx, p, h, n, claim.Reveal())
	if err != nil {
		return h, nil, err
	}
	p.cfg.Person = n.name // who is asked for the passphrase when the vault has locked
	d := &desk{home: h, session: session, close: func() {}}
	return h, &seated{desk: d, kept: true, notice: keptFor(n.name)}, nil
}

// offer asks a question to which nothing typed is yes, and no more to come is no.
func (p *program) offer(ctx context.Context, question string) (bool, error) {
	for {
		s, err := p.answer(ctx, question, "y")
		switch {
		case errors.Is(err, errNoSecret):
			return false, nil
		case err != nil:
			return false, err
		}
		switch strings.ToLower(s) {
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
	}
}
