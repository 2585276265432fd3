package main

import (
	"io"
	"strings"
	"unicode"
)

// A wrapper writes an answer as it comes and breaks lines between words, so
// that a narrow terminal does not break them inside. It holds back at most
// the word under way. Lines that begin with spaces or a fence (code) are left
// as they are.
type wrapper struct {
	out    io.Writer
	width  func() int // columns; 0 or less leaves lines as they are
	column int
	word   strings.Builder
	wordW  int  // columns of word
	space  int  // spaces owed before word
	joined bool // word continues one that was already written
	asIs   bool // this line is code: nothing is broken
	fenced bool // between two fences
	line   int  // runes of this line so far, spaces as well
}

// WriteString takes a piece of the answer. The text must be clean.
func (w *wrapper) WriteString(s string) (int, error) {
	var b strings.Builder
	for _, r := range s {
		w.take(&b, r)
	}
	if b.Len() == 0 {
		return len(s), nil
	}
	_, err := io.WriteString(w.out, b.String())
	return len(s), err
}

func (w *wrapper) take(b *strings.Builder, r rune) {
	switch {
	case r == '\n':
		w.flushWord(b)
		b.WriteByte('\n')
		w.column, w.space, w.line, w.asIs, w.joined = 0, 0, 0, w.fenced, false
		return
	case r == ' ' || r == '\t':
		w.flushWord(b)
		w.joined = false
		if w.line == 0 {
			w.asIs = true
		}
		if w.asIs || w.column == 0 {
			b.WriteRune(r)
			w.column++
		} else {
			w.space++
		}
	default:
		if w.column == 0 && w.word.Len() == 0 && w.line == 0 && r == '`' {
			w.asIs = true
		}
		w.word.WriteRune(r)
		w.wordW += runeWidth(r)
		switch {
		case w.width() > 0 && w.wordW >= w.width(): // wider than the screen: the terminal breaks it
			w.flushWord(b)
			w.joined = true
		case r > 0x2e7f && unicode.IsLetter(r): // a script without spaces
			w.flushWord(b)
		}
	}
	w.line++
}

func (w *wrapper) flushWord(b *strings.Builder) {
	if w.word.Len() == 0 {
		return
	}
	word := w.word.String()
	if strings.HasPrefix(word, "```") && w.column == 0 {
		w.fenced = !w.fenced
		w.asIs = true
	}
	if width := w.width(); width > 0 && !w.asIs && !w.joined && w.column > 0 && w.column+w.space+w.wordW > width {
		b.WriteByte('\n')
		w.column, w.space = 0, 0
	}
	b.WriteString(strings.Repeat(" ", w.space))
	b.WriteString(word)
	w.column += w.space + w.wordW
	if width := w.width(); width > 0 && w.column > width {
		w.column %= width
	}
	w.space, w.wordW = 0, 0
	w.word.Reset()
}

// Flush writes what was held back.
func (w *wrapper) Flush() error {
	var b strings.Builder
	w.flushWord(&b)
	_, err := io.WriteString(w.out, b.String())
	return err
}

// wrapped breaks one text between words: at most width columns, each further
// line indented.
func wrapped(text string, width int, indent string) string {
	var lines []string
	line, col := "", 0
	for word := range strings.FieldsSeq(text) {
		n := textWidth(word)
		switch {
		case line == "":
			line, col = word, n
		case col+1+n > width:
			lines = append(lines, line)
			line, col = indent+word, len(indent)+n
		default:
			line += " " + word
			col += 1 + n
		}
	}
	return strings.Join(append(lines, line), "\n")
}

// textWidth is the number of columns that s takes on one line.
func textWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// runeWidth is the number of columns of r: 0 for marks that join the rune
// before, 2 for what Unicode's annex 11 calls wide (the common ranges), else 1.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1100 && r <= 0x115f, // Hangul initials
		r >= 0x2e80 && r <= 0xa4cf && r != 0x303f, // CJK, kana, Yi
		r >= 0xac00 && r <= 0xd7a3,                // Hangul
		r >= 0xf900 && r <= 0xfaff,                // CJK compatibility
		r >= 0xfe30 && r <= 0xfe6f,                // CJK forms
		r >= 0xff00 && r <= 0xff60,                // full width
		r >= 0xffe0 && r <= 0xffe6,
		r >= 0x1f300 && r <= 0x1faff, // pictographs
		r >= 0x20000 && r <= 0x3fffd:
		return 2
	}
	return 1
}

// clip shortens s to at most width columns, with an ellipsis where it was cut.
func clip(s string, width int) string {
	if textWidth(s) <= width {
		return s
	}
	n := 0
	for i, r := range s {
		n += runeWidth(r)
		if n > width-1 {
			return s[:i] + "…"
		}
	}
	return s
}
