package main

import (
	"strings"
	"unicode/utf8"
)

// A cleaner makes text from a model, a file or a server safe for a terminal:
// what it lets through can be read, but cannot move the cursor, set a title,
// answer a query, touch the clipboard or reorder what is shown. Text comes in
// pieces, and a sequence may begin in one and end in the next.
//
// Kept are letters, line feeds and tabs. Dropped are all other control
// characters (C0, DEL, C1), escape sequences as ECMA-48 frames them, and
// Unicode's bidirectional overrides. The zero value is ready for use.
type cleaner struct {
	state   escape
	length  int    // runes swallowed by the string sequence under way
	pending []byte // the beginning of a rune whose end has not come yet
}

// escape is where in an escape sequence a cleaner is.
type escape int

const (
	plain      escape = iota
	introduced        // after ESC
	control           // in a control sequence, until its final byte
	command           // in a command string (OSC, DCS, ...), until its terminator
	closing           // in a command string, after ESC
)

// A command string longer than this is not one: the rest is shown, so that a
// stray introducer cannot make an answer vanish.
const longestCommand = 256

// clean gives the readable part of s and of what it held back before.
func (c *cleaner) clean(s string) string {
	if len(c.pending) > 0 {
		s = string(c.pending) + s
		c.pending = c.pending[:0]
	}
	var b strings.Builder
	b.Grow(len(s))
	for len(s) > 0 {
		if !utf8.FullRuneInString(s) {
			c.pending = append(c.pending, s...)
			break
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		if c.keep(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// keep moves on by one rune and reports whether it is to be shown.
func (c *cleaner) keep(r rune) bool {
	switch c.state {
	case introduced:
		return c.introduce(r)
	case control:
		switch {
		case r >= 0x40 && r <= 0x7e:
			c.state = plain
			return false
		case r >= 0x20 && r <= 0x3f:
			return false
		}
		c.state = plain // malformed: over at the first byte that cannot belong to it
	case command, closing:
		return c.inCommand(r)
	}
	return c.plain(r)
}

func (c *cleaner) introduce(r rune) bool {
	c.state = plain
	switch {
	case r == '[':
		c.state = control
	case strings.ContainsRune("]PX^_", r):
		c.state, c.length = command, 0
	case r >= 0x20 && r <= 0x2f: // intermediate bytes, a final one follows
		c.state = introduced
	case r >= 0x30 && r <= 0x7e:
	default:
		return c.plain(r)
	}
	return false
}

func (c *cleaner) inCommand(r rune) bool {
	switch {
	case c.state == closing && r == '\\', r == '\a', r == 0x9c:
		c.state = plain
	case c.state == closing:
		return c.introduce(r)
	case r == '\x1b':
		c.state = closing
	case r == '\n', c.length >= longestCommand:
		c.state = plain
		return c.plain(r)
	default:
		c.length++
	}
	return false
}

func (c *cleaner) plain(r rune) bool {
	switch {
	case r == '\n', r == '\t':
		return true
	case r == '\x1b':
		c.state = introduced
	case r == 0x9b:
		c.state = control
	case r == 0x90, r == 0x98, r >= 0x9d && r <= 0x9f:
		c.state, c.length = command, 0
	}
	return r >= 0x20 && r < 0x7f || r > 0x9f && !reorders(r)
}

// reorders reports whether r changes the direction in which its neighbours
// are shown: with it, shown text can say something else than the text does.
func reorders(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// cleaned is the readable part of one whole text.
func cleaned(s string) string {
	var c cleaner
	return c.clean(s)
}

// cleanLine is the readable part of s on one line, for names in a table.
func cleanLine(s string) string {
	return strings.Join(strings.Fields(cleaned(s)), " ")
}
