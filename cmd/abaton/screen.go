package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// screen is where a person reads: a terminal, or a pipe or file that must hold
// plain text only.
type screen struct {
	out, errs      *os.File
	inTTY          bool
	outTTY, errTTY bool
	color          bool // out may be coloured
	moves          bool // the cursor of the terminal can be moved
}

func newScreen(in, out, errs *os.File) *screen {
	s := &screen{
		out: out, errs: errs,
		inTTY:  term.IsTerminal(int(in.Fd())),
		outTTY: term.IsTerminal(int(out.Fd())),
		errTTY: term.IsTerminal(int(errs.Fd())),
	}
	return s
}

// suit follows the system's conventions about what a terminal can and may do.
func (s *screen) suit(a surroundings) {
	s.moves = !a.dumb
	s.color = s.outTTY && !a.dumb && !a.plain
}

// width is the number of columns: of the terminal as it is now, else 80.
func (s *screen) width() int { return columns(s.out, 80) }

// wrapWidth is the width at which answers are broken: none where nobody looks.
func (s *screen) wrapWidth() int {
	if !s.outTTY {
		return 0
	}
	return s.width()
}

func columns(f *os.File, otherwise int) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return max(w, 20)
	}
	return otherwise
}

// say writes a line to the person that is no part of the result.
func (s *screen) say(text string) { s.line(text) }

// complain writes a line about something that went wrong.
func (s *screen) complain(text string) { s.line("abaton: " + text) }

// line writes to standard error; whatever wrote the text, it is made safe
// first, and broken between words where somebody looks at it.
func (s *screen) line(text string) {
	text = cleaned(text)
	if s.errTTY {
		w := &wrapper{out: s.errs, width: func() int { return columns(s.errs, 80) }}
		w.WriteString(text)
		w.Flush()
		text = ""
	}
	io.WriteString(s.errs, text+"\n")
}

// dim and bold mark text where colours are wanted.
func (s *screen) dim(text string) string  { return s.mark("2", text) }
func (s *screen) bold(text string) string { return s.mark("1", text) }

func (s *screen) mark(code, text string) string {
	if !s.color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
