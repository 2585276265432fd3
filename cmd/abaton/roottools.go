package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"abaton.local/models/enginepack"
)

// wantsTools reports whether --install-tools was given.
func wantsTools(fs *flag.FlagSet) bool {
	f := fs.Lookup(installTools)
	return f != nil && f.Value.String() == "true"
}

// prepareAsRoot does what only root can, before the program leaves root: it
// makes the account, and installs what a build of the engine needs. As an
// ordinary account it does nothing: pull says what is missing and goes on with
// what can be had.
func prepareAsRoot(ctx context.Context, p *program) error {
	if os.Getuid() != 0 {
		return nil
	}
	if _, err := findAccount(p.cfg.User); err != nil {
		if _, ok := errors.AsType[noAccount](err); !ok {
			return told{err, unprotected}
		}
		if err := makeAccount(ctx, p); err != nil {
			return told{err, unprotected}
		}
	}
	missing := enginepack.MissingTools()
	if len(missing) == 0 {
		return nil
	}
	p.screen.say("Installing what builds the engine: " + strings.Join(missing, ", ") + ".")
	if err := enginepack.InstallTools(ctx, p.screen.errs); err != nil {
		// Not the end: a ready-made engine needs no compiler.
		p.screen.complain(err.Error())
	}
	return nil
}

// makeAccount makes the ordinary account that runs everything.
func makeAccount(ctx context.Context, p *program) error {
	cmd := exec.CommandContext(ctx, "useradd", "--system", "--home-dir", "/var/lib/abaton", "--shell", "/usr/sbin/nologin", "--", p.cfg.User)
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("cannot make the account %q: %w: %s", p.cfg.User, err, strings.TrimSpace(string(out))), noAccount{p.cfg.User})
	}
	p.screen.say(fmt.Sprintf("Made the account %q, which runs everything from now on.", p.cfg.User))
	return nil
}
