package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// exited is the exit code of another process that told the person all there is
// to tell.
type exited struct{ code int }

func (exited) Error() string { return "" }

// offersVault says whether a vault is to be offered while what is missing is
// fetched, and what that is: to somebody at a terminal who wants to talk, where
// no server is running. Whether anybody has a vault here is found out later, by
// a process that is locked down.
func offersVault(ctx context.Context, p *program, w asWhom) (what []string, lacks bool, err error) {
	if w.guest || w.continues() || !p.screen.inTTY || !p.screen.errTTY || serves(ctx, p) {
		return nil, false, nil
	}
	return new(rooms).missing(ctx, p)
}

// pullBeside lets a chat run while a pull gets what it lacks. Both are
// processes of their own: the pull is the one with a way out and hears no word,
// the chat is locked down before anything is typed, and is no ancestor of the
// pull's. This one reads nothing, and waits for both.
func pullBeside(ctx context.Context, p *program, what []string) error {
	heard, tells, err := os.Pipe()
	if err != nil {
		return tell(err)
	}
	defer heard.Close() // not before the pull has ended, or it would be killed in the middle of a word
	// Keys that stop are meant for the chat, which gets them, too, and decides.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGHUP)
	defer signal.Stop(signals)
	pull, err := self(context.Background(), append([]string{"pull", "--relay", "--user", p.cfg.User}, what...)...)
	if err != nil {
		return errors.Join(err, tells.Close())
	}
	pull.Stdout, pull.Stderr = tells, tells
	pull.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it is stopped once, by us
	if err := pull.Start(); err != nil {
		return errors.Join(tell(fmt.Errorf("cannot start `abaton pull`: %w", err)), tells.Close())
	}
	pulled := make(chan struct{})
	go func() {
		defer close(pulled)
		_ = tellEnd(tells, exitCode(pull.Wait())) // who does not hear it has ended
		tells.Close()
	}()
	err = chatBeside(ctx, p, heard, signals)
	select {
	case <-pulled:
	default:
		_ = pull.Process.Signal(os.Interrupt) // it may just have ended
		drained(heard, pulled)
	}
	return err
}

// drained reads what a pull still has to say, which nobody hears any more, until
// it has ended: blocked in a word it would never notice that it was stopped.
func drained(heard *os.File, pulled <-chan struct{}) {
	go func() { _, _ = io.Copy(io.Discard, heard) }()
	<-pulled
}

// chatBeside starts the chat and waits for its end.
func chatBeside(ctx context.Context, p *program, heard *os.File, signals <-chan os.Signal) error {
	chat, err := self(context.Background(), append([]string{"chat", "--beside"}, p.args...)...)
	if err != nil {
		return err
	}
	chat.Stdin, chat.Stdout, chat.Stderr = p.in, p.screen.out, p.screen.errs
	chat.ExtraFiles = []*os.File{heard} // newsFD
	if err := chat.Start(); err != nil {
		return tell(fmt.Errorf("cannot start `abaton chat`: %w", err))
	}
	over := make(chan error, 1)
	go func() { over <- chat.Wait() }()
	stop := ctx.Done()
	for {
		select {
		case err := <-over:
			if code := exitCode(err); code != done {
				return exited{code}
			}
			return nil
		case sig := <-signals:
			if sig == syscall.SIGHUP { // whoever sent it, the chat shall know
				_ = chat.Process.Signal(sig)
			}
		case <-stop:
			stop = nil
			_ = chat.Process.Signal(syscall.SIGTERM)
		}
	}
}

// exitCode is what a process ended with, as a shell has it.
func exitCode(err error) int {
	e, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return done
	case !ok:
		return failed
	}
	if st, ok := e.Sys().(syscall.WaitStatus); ok && st.Signaled() {
		return 128 + int(st.Signal())
	}
	return e.ExitCode()
}

// serves tells whether a serve runs here; one that belongs to somebody else
// counts, for it is refused where its turn comes.
func serves(ctx context.Context, p *program) bool {
	c, err := connect(ctx, p.cfg.Folders.Socket())
	return c != nil || err != nil
}
