package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
)

// inquirer asks a person: at the prompt of a verb, or within a conversation, where
// another goroutine reads what is typed.
type inquirer interface {
	secret(ctx context.Context, prompt string) (*secretText, error)
	confirm(ctx context.Context, question string) (bool, error)
}

// longestSecret bounds a passphrase or code that is typed, in bytes.
const longestSecret = 1024

// secretText is a secret that a person typed. It never grows, so it leaves no copies
// behind, and it is wiped after use.
type secretText struct {
	buffer [longestSecret + 1]byte
	n      int
}

func (t *secretText) bytes() []byte { return t.buffer[:t.n] }

func (t *secretText) wipe() {
	clear(t.buffer[:])
	t.n = 0
}

// secret reads one line that is not shown: from the terminal, or from standard
// input where that is none. The caller wipes it.
func (p *program) secret(ctx context.Context, prompt string) (*secretText, error) {
	t := &secretText{}
	if !p.screen.inTTY {
		return t, tell(t.read(p.in))
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	restore, _, err := rawMode(p.in)
	if err != nil {
		return nil, tell(fmt.Errorf("this terminal cannot hide what is typed: %w", err))
	}
	io.WriteString(p.screen.errs, prompt)
	read := make(chan error, 1)
	go func() { read <- t.read(p.in) }()
	select {
	case err = <-read:
	case <-interrupts:
		err = errStopped
	case <-ctx.Done():
		err = errStopped
	}
	io.WriteString(p.screen.errs, "\n")
	if e := restore(); e != nil {
		err = errors.Join(err, tell(fmt.Errorf("the terminal could not be put back as it was (%w): `reset` does that", e)))
	}
	if err != nil {
		t.wipe()
		return nil, tell(err)
	}
	return t, nil
}

// read reads one line, byte by byte: what comes after it is not ours to take.
// It knows the keys that take a character or all of them back.
func (t *secretText) read(in io.Reader) error {
	for {
		_, err := io.ReadFull(in, t.buffer[t.n:t.n+1])
		switch b := t.buffer[t.n]; {
		case err != nil && t.n > 0 && errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.EOF):
			return errNoSecret
		case err != nil:
			return err
		case b == '\n' || b == '\r':
			t.buffer[t.n] = 0
			return nil
		case b == 0x7f || b == '\b':
			t.back()
		case b == 0x15: // Ctrl-U
			clear(t.buffer[:])
			t.n = 0
		case b == 0x04: // Ctrl-D
			t.buffer[t.n] = 0
			if t.n == 0 {
				return errStopped
			}
			return nil
		case t.n == longestSecret:
			t.wipe()
			return fmt.Errorf("a secret has %d bytes at most", longestSecret)
		default:
			t.n++
		}
	}
}

// errNoSecret says that nothing was typed, and nothing will be.
var errNoSecret = errors.New("the secret is missing: type it, or give it as the first line of standard input")

// back takes the last character back, all bytes of it.
func (t *secretText) back() {
	t.buffer[t.n] = 0
	for t.n > 0 {
		t.n--
		b := t.buffer[t.n]
		t.buffer[t.n] = 0
		if b&0xc0 != 0x80 {
			return
		}
	}
}

// answer reads one line that is shown. Nothing typed is the default.
func (p *program) answer(ctx context.Context, prompt, otherwise string) (string, error) {
	t := &secretText{}
	read := make(chan error, 1)
	interrupts := make(chan os.Signal, 1)
	if p.screen.inTTY {
		signal.Notify(interrupts, os.Interrupt)
		defer signal.Stop(interrupts)
		io.WriteString(p.screen.errs, prompt)
	}
	go func() { read <- t.read(p.in) }()
	var err error
	select {
	case err = <-read:
	case <-interrupts:
		err = errStopped
	case <-ctx.Done():
		err = errStopped
	}
	if err != nil {
		if p.screen.inTTY {
			io.WriteString(p.screen.errs, "\n")
		}
		return "", tell(err)
	}
	if s := strings.TrimSpace(string(t.bytes())); s != "" {
		return s, nil
	}
	return otherwise, nil
}

// confirm asks a question that is answered with yes or no; nothing typed is no.
func (p *program) confirm(ctx context.Context, question string) (bool, error) {
	s, err := p.answer(ctx, question+" [y/N] ", "n")
	if err != nil {
		return false, err
	}
	return isYes(s), nil
}

func isYes(s string) bool {
	s = strings.TrimSpace(s)
	return strings.EqualFold(s, "y") || strings.EqualFold(s, "yes")
}
