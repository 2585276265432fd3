package main

import (
	"io"
	"strings"
	"unicode/utf8"
)

// key is one thing a person typed: a rune, a named key, or a whole paste.
type key struct {
	name  keyName
	r     rune
	paste string
}

type keyName int

const (
	keyRune keyName = iota
	keyEnter
	keyNewline // Alt-Enter: a line break inside the question
	keyBackspace
	keyDelete
	keyLeft
	keyRight
	keyUp
	keyDown
	keyHome
	keyEnd
	keyWordLeft
	keyWordRight
	keyKillEnd
	keyKillStart
	keyKillWord
	keyRedraw
	keyEndOfInput // Ctrl-D
	keyPaste
	keyUnknown
)

// controls are the keys that a terminal sends as one byte.
var controls = map[byte]keyName{
	'\r': keyEnter, '\n': keyEnter, 0x7f: keyBackspace, 0x08: keyBackspace,
	0x01: keyHome, 0x05: keyEnd, 0x02: keyLeft, 0x06: keyRight, 0x10: keyUp, 0x0e: keyDown,
	0x0b: keyKillEnd, 0x15: keyKillStart, 0x17: keyKillWord, 0x0c: keyRedraw, 0x04: keyEndOfInput,
}

// sequences are the keys that a terminal sends as escape sequences, without ESC.
var sequences = map[string]keyName{
	"[A": keyUp, "[B": keyDown, "[C": keyRight, "[D": keyLeft, "[H": keyHome, "[F": keyEnd,
	"OA": keyUp, "OB": keyDown, "OC": keyRight, "OD": keyLeft, "OH": keyHome, "OF": keyEnd,
	"[1~": keyHome, "[4~": keyEnd, "[7~": keyHome, "[8~": keyEnd, "[3~": keyDelete,
	"[1;5C": keyWordRight, "[1;5D": keyWordLeft, "[1;3C": keyWordRight, "[1;3D": keyWordLeft,
	"f": keyWordRight, "b": keyWordLeft, "\r": keyNewline, "\n": keyNewline,
}

// Bracketed paste: a terminal that was asked to marks what was pasted, so that
// a line break in it does not send half a question.
const (
	pasteOn    = "\x1b[?2004h"
	pasteOff   = "\x1b[?2004l"
	pasteStart = "[200~"
	pasteEnd   = "\x1b[201~"
)

// largestPaste bounds a paste whose end never comes.
const largestPaste = 4 << 20

// keyReader decodes what a terminal sends.
type keyReader struct{ in io.ByteReader }

// next waits for one key. An error of the input is passed on as it is.
func (k keyReader) next() (key, error) {
	b, err := k.in.ReadByte()
	if err != nil {
		return key{}, err
	}
	if b == 0x1b {
		return k.sequence()
	}
	if name, ok := controls[b]; ok {
		return key{name: name}, nil
	}
	if b < 0x20 && b != '\t' {
		return key{name: keyUnknown}, nil
	}
	r, err := k.decode(b)
	return key{r: r}, err
}

// decode reads the rest of a UTF-8 rune that begins with b.
func (k keyReader) decode(b byte) (rune, error) {
	buf := []byte{b}
	for !utf8.FullRune(buf) && len(buf) < utf8.UTFMax {
		next, err := k.in.ReadByte()
		if err != nil {
			return 0, err
		}
		buf = append(buf, next)
	}
	r, _ := utf8.DecodeRune(buf)
	return r, nil
}

// sequence reads what follows an ESC.
func (k keyReader) sequence() (key, error) {
	var s strings.Builder
	for s.Len() < 16 {
		b, err := k.in.ReadByte()
		if err != nil {
			return key{}, err
		}
		s.WriteByte(b)
		text := s.String()
		if text == pasteStart {
			return k.pasted()
		}
		if name, ok := sequences[text]; ok {
			return key{name: name}, nil
		}
		open := text == "[" || text == "O" || text[0] == '[' && (b < 0x40 || b > 0x7e)
		if !open {
			break
		}
	}
	return key{name: keyUnknown}, nil
}

// pasted reads until the end mark.
func (k keyReader) pasted() (key, error) {
	var s []byte
	for {
		b, err := k.in.ReadByte()
		if err != nil {
			return key{}, err
		}
		s = append(s, b)
		if b == '~' && strings.HasSuffix(string(s[max(0, len(s)-len(pasteEnd)):]), pasteEnd) {
			s = s[:len(s)-len(pasteEnd)]
			break
		}
		if len(s) >= largestPaste {
			break
		}
	}
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(s))
	return key{name: keyPaste, paste: cleaned(text)}, nil
}
