package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// keyboard is the terminal as a person types on it. One goroutine reads keys
// for as long as the program runs; all else is for one goroutine.
type keyboard struct {
	screen     *screen
	editor     editor
	interrupts chan os.Signal // Ctrl-C, at the prompt and during answers
	redraw     chan os.Signal // another size, or back from a suspension
	keys       chan key
	end        chan error
	armed      bool // the next Ctrl-C leaves
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
		keys: make(chan key, 64), end: make(chan error, 1),
	}
	signal.Notify(k.interrupts, os.Interrupt)
	signal.Notify(k.redraw, syscall.SIGWINCH, syscall.SIGCONT)
	io.WriteString(s.out, pasteOn)
	go func() {
		r := keyReader{bufio.NewReader(in)}
		for {
			key, err := r.next()
			if err != nil {
				k.end <- err
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

func (k *keyboard) draw() { io.WriteString(k.screen.out, k.editor.draw(k.screen.width())) }

func (k *keyboard) newline() {
	io.WriteString(k.screen.out, k.editor.leave(k.screen.width()))
	k.editor.row = 0
}
