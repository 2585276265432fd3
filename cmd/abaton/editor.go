package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// editor is the line under a person's hands: text, cursor and the history of
// this session, which lives in memory only. It knows no terminal: keys go in,
// and draw says what to write.
type editor struct {
	prompt  string // plain text, one line
	text    []rune
	cursor  int
	history []string
	at      int    // index into history; len(history) is the line being typed
	draft   []rune // that line, while an older one is shown
	row     int    // rows between the top of what was drawn and its cursor
}

// outcome is what a key led to.
type outcome int

const (
	editing outcome = iota
	entered
	ended // Ctrl-D on an empty line
)

// press applies one key.
func (e *editor) press(k key) outcome {
	switch k.name {
	case keyRune:
		e.insert([]rune{k.r})
	case keyPaste:
		e.insert([]rune(k.paste))
	case keyNewline:
		e.insert([]rune{'\n'})
	case keyEnter:
		return entered
	case keyEndOfInput:
		if len(e.text) == 0 {
			return ended
		}
		e.cut(e.cursor, e.cursor+1)
	case keyBackspace:
		e.cut(e.cursor-1, e.cursor)
	case keyDelete:
		e.cut(e.cursor, e.cursor+1)
	case keyKillEnd:
		e.cut(e.cursor, len(e.text))
	case keyKillStart:
		e.cut(0, e.cursor)
	case keyKillWord:
		e.cut(e.wordLeft(), e.cursor)
	case keyLeft:
		e.cursor = max(e.cursor-1, 0)
	case keyRight:
		e.cursor = min(e.cursor+1, len(e.text))
	case keyWordLeft:
		e.cursor = e.wordLeft()
	case keyWordRight:
		e.cursor = e.wordRight()
	case keyHome:
		e.cursor = 0
	case keyEnd:
		e.cursor = len(e.text)
	case keyUp:
		e.recall(e.at - 1)
	case keyDown:
		e.recall(e.at + 1)
	}
	return editing
}

func (e *editor) insert(r []rune) {
	e.text = slices.Insert(e.text, e.cursor, r...)
	e.cursor += len(r)
}

// cut removes text[from:to], as far as it exists, and puts the cursor there.
func (e *editor) cut(from, to int) {
	from, to = max(from, 0), min(to, len(e.text))
	if from >= to {
		return
	}
	e.text = slices.Delete(e.text, from, to)
	e.cursor = from
}

func (e *editor) wordLeft() int {
	i := e.cursor
	for i > 0 && unicode.IsSpace(e.text[i-1]) {
		i--
	}
	for i > 0 && !unicode.IsSpace(e.text[i-1]) {
		i--
	}
	return i
}

func (e *editor) wordRight() int {
	i := e.cursor
	for i < len(e.text) && unicode.IsSpace(e.text[i]) {
		i++
	}
	for i < len(e.text) && !unicode.IsSpace(e.text[i]) {
		i++
	}
	return i
}

func (e *editor) recall(at int) {
	if at < 0 || at > len(e.history) {
		return
	}
	if e.at == len(e.history) {
		e.draft = slices.Clone(e.text)
	}
	e.at = at
	e.text = e.draft
	if at < len(e.history) {
		e.text = []rune(e.history[at])
	}
	e.text = slices.Clone(e.text)
	e.cursor = len(e.text)
}

// take gives the line that was entered, remembers it and starts a new one.
func (e *editor) take() string {
	s := string(e.text)
	e.remember(s)
	e.clear()
	return s
}

// remember puts a line where the up arrow brings it back.
func (e *editor) remember(s string) {
	if strings.TrimSpace(s) != "" && (len(e.history) == 0 || e.history[len(e.history)-1] != s) {
		e.history = append(e.history, s)
	}
	e.at = len(e.history)
}

// clear drops the line under the hands.
func (e *editor) clear() {
	e.text, e.draft, e.cursor, e.row, e.at = nil, nil, 0, 0, len(e.history)
}

// draw gives what to write so that a terminal of width columns shows prompt and
// text with the cursor in place, over what was drawn before.
func (e *editor) draw(width int) string {
	var b strings.Builder
	if e.row > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", e.row)
	}
	b.WriteString("\r\x1b[J")
	text, row, cursorRow, cursorCol := e.layout(width)
	b.WriteString(text)
	if row > cursorRow {
		fmt.Fprintf(&b, "\x1b[%dA", row-cursorRow)
	}
	b.WriteByte('\r')
	if cursorCol > 0 {
		fmt.Fprintf(&b, "\x1b[%dC", cursorCol)
	}
	e.row = cursorRow
	return b.String()
}

// leave gives what to write so that output goes on below the line.
func (e *editor) leave(width int) string {
	_, row, cursorRow, _ := e.layout(width)
	down := ""
	if row > cursorRow {
		down = fmt.Sprintf("\x1b[%dB", row-cursorRow)
	}
	return down + "\r\n"
}

// layout breaks prompt and text into rows by itself, because terminals differ
// in what they do at their last column.
func (e *editor) layout(width int) (text string, row, cursorRow, cursorCol int) {
	var b strings.Builder
	col := 0
	put := func(r rune) {
		n := runeWidth(r)
		if r == '\n' || col+n > width-1 {
			b.WriteString("\r\n")
			row, col = row+1, 0
		}
		if r == '\n' {
			return
		}
		if r == '\t' {
			r = ' '
		}
		b.WriteRune(r)
		col += n
	}
	for _, r := range e.prompt {
		put(r)
	}
	for i, r := range e.text {
		if i == e.cursor {
			cursorRow, cursorCol = row, col
		}
		put(r)
	}
	if e.cursor == len(e.text) {
		cursorRow, cursorCol = row, col
	}
	return b.String(), row, cursorRow, cursorCol
}
