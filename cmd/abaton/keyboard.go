package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"unicode/utf8"
)

// keyboard is the terminal as a person types on it. One goroutine reads keys
// for as long as the program runs; all else is for one goroutine.
type keyboard struct {
	screen     *screen
	editor     editor
	interrupts chan os.Signal // Ctrl-C, at the prompt and during answers
	redraw     chan os.Signal // another size, or back from a suspension
	keys       chan key
	end        chan struct{} // closed when nothing more can be typed
	armed      bool          // the next Ctrl-C leaves
	restore    func() error
	again      func() error
}

func openKeyboard(in *os.File, s *screen) (*keyboard, error) {
	restore, again, err := rawMode(in)
	if err != nil {
		return nil, err
	}
	k := &keyboard{
		screen: s, editor: editor{prompt: ">>> "}, restore: restore, again: again,
		interrupts: make(chan os.Signal, 2), redraw: make(chan os.Signal, 1),
		keys: make(chan key, 64), end: make(chan struct{}),
	}
	signal.Notify(k.interrupts, os.Interrupt)
	signal.Notify(k.redraw, syscall.SIGWINCH, syscall.SIGCONT)
	io.WriteString(s.out, pasteOn)
	go func() {
		r := keyReader{&keyInput{in: in}}
		for {
			key, err := r.next()
			if err != nil {
				close(k.end)
				return
			}
			k.keys <- key
		}
	}()
	return k, nil
}

// close gives the terminal back as it was.
func (k *keyboard) close() {
	signal.Stop(k.interrupts)
	signal.Stop(k.redraw)
	io.WriteString(k.screen.out, pasteOff)
	if err := k.restore(); err != nil {
		k.screen.complain("the terminal could not be put back as it was: `reset` does that")
	}
}

// line lets the person type one line. Its error is io.EOF when they leave with
// Ctrl-D or hang up, errStopped when they leave with a second Ctrl-C.
func (k *keyboard) line(ctx context.Context) (string, error) {
	k.draw()
	for {
		select {
		case <-ctx.Done():
			k.newline()
			return "", errStopped
		case <-k.interrupts:
			k.newline()
			if k.armed && len(k.editor.text) == 0 {
				return "", errStopped
			}
			k.armed = true
			k.editor.clear()
			k.screen.say(k.screen.dim("(Ctrl-C again leaves, Ctrl-D does too)"))
			k.draw()
		case sig := <-k.redraw:
			if sig == syscall.SIGCONT {
				if err := k.again(); err != nil {
					return "", tell(err)
				}
				k.editor.row = 0
			}
			k.draw()
		case <-k.end:
			k.newline()
			return "", io.EOF
		case key := <-k.keys:
			k.armed = false
			switch k.editor.press(key) {
			case ended:
				k.newline()
				return "", io.EOF
			case entered:
				k.draw() // keys that came all at once were not drawn one by one
				k.newline()
				return k.editor.take(), nil
			}
			if key.name == keyRedraw {
				io.WriteString(k.screen.out, "\x1b[2J\x1b[H")
				k.editor.row = 0
			}
			if len(k.keys) == 0 { // else the next one draws, too
				k.draw()
			}
		}
	}
}

// secret lets the person type something that is not shown. Its error is
// errUnsaid when they would rather not.
func (k *keyboard) secret(ctx context.Context, prompt string) (t *secretText, err error) {
	t = &secretText{}
	// A paste comes key by key: as one text it would stay in memory.
	io.WriteString(k.screen.out, pasteOff+prompt)
	defer func() {
		io.WriteString(k.screen.out, "\r\n"+pasteOn)
		if err != nil {
			t.wipe()
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return t, errStopped
		case <-k.interrupts:
			return t, errUnsaid
		case sig := <-k.redraw:
			if sig == syscall.SIGCONT {
				if err := k.again(); err != nil {
					return t, tell(err)
				}
			}
			io.WriteString(k.screen.out, "\r"+prompt)
		case <-k.end:
			return t, io.EOF
		case key := <-k.keys:
			switch key.name {
			case keyEnter:
				return t, nil
			case keyEndOfInput:
				return t, errUnsaid
			case keyBackspace:
				t.back()
			case keyKillStart:
				t.wipe()
			case keyRune:
				if utf8.RuneLen(key.r) > longestSecret-t.n {
					return t, tell(fmt.Errorf("a secret has %d bytes at most", longestSecret))
				}
				t.n += utf8.EncodeRune(t.buffer[t.n:], key.r)
			}
		}
	}
}

// confirm asks a question that is answered with yes or no; nothing typed is no,
// and so is Ctrl-D.
func (k *keyboard) confirm(ctx context.Context, question string) (bool, error) {
	mine := k.editor
	k.editor = editor{prompt: question + " [y/N] "}
	defer func() { k.editor = mine }()
	s, err := k.line(ctx)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return isYes(s), err
}

// errUnsaid says that a secret was not given.
var errUnsaid = told{errors.New("the vault stays locked"), locked}

// keyInput reads what is typed and leaves no copy of it behind.
type keyInput struct {
	in       io.Reader
	buffer   [256]byte
	from, to int
}

func (k *keyInput) ReadByte() (byte, error) {
	for k.from == k.to {
		n, err := k.in.Read(k.buffer[:])
		if k.from, k.to = 0, n; n == 0 && err != nil {
			return 0, err
		}
	}
	b := k.buffer[k.from]
	k.buffer[k.from] = 0
	k.from++
	return b, nil
}

func (k *keyboard) draw() { io.WriteString(k.screen.out, k.editor.draw(k.screen.width())) }

func (k *keyboard) newline() {
	io.WriteString(k.screen.out, k.editor.leave(k.screen.width()))
	k.editor.row = 0
}
