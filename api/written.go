package api

import (
	"unicode/utf8"

	"abaton.local/chat"
)

// written is what the words of an event take in JSON, in bytes.
func written(e chat.Event) int {
	n := inJSON(e.Text) + inJSON(e.Reasoning)
	for _, c := range e.Calls {
		n += inJSON(c.Name) + inJSON(c.Arguments)
	}
	return n
}

// inJSON is what a text takes between the quotes of a JSON string.
func inJSON(text string) (n int) {
	for _, r := range text {
		n += runeInJSON(r)
	}
	return n
}

func runeInJSON(r rune) int {
	switch {
	case r == '"', r == '\\', r == '\n', r == '\r', r == '\t', r == '\b', r == '\f':
		return 2
	case r < ' ', r == '\u2028', r == '\u2029':
		return 6
	}
	return utf8.RuneLen(r)
}

// cut gives as much of the beginning of a text as takes n bytes in JSON, and at
// least one character.
func cut(text string, n int) string {
	for i, r := range text {
		if n -= runeInJSON(r); n < 0 && i > 0 {
			return text[:i]
		}
	}
	return text
}
