package main

import (
	"io"
	"strings"
)

// printer shows one answer as it comes: made safe, and broken between words on
// a terminal. Space before the first letter is left out, for models like to
// begin with some.
type printer struct {
	clean cleaner
	wrap  wrapper
	begun bool
	line  bool // the last letter ended a line
}

func newPrinter(s *screen) *printer {
	return &printer{wrap: wrapper{out: s.out, width: s.wrapWidth}}
}

// show takes a piece of the answer.
func (p *printer) show(text string) error {
	text = p.clean.clean(text)
	if !p.begun {
		text = strings.TrimLeft(text, " \n\t")
	}
	if text == "" {
		return nil
	}
	p.begun = true
	p.line = strings.HasSuffix(text, "\n")
	_, err := p.wrap.WriteString(text)
	return err
}

// end finishes the answer, whole or not, at the beginning of a line.
func (p *printer) end() error {
	if err := p.wrap.Flush(); err != nil {
		return err
	}
	if !p.begun || p.line {
		return nil
	}
	_, err := io.WriteString(p.wrap.out, "\n")
	return err
}
