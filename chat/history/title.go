package history

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// titleOf makes a title of a question: its first line that says something.
func titleOf(question string) string {
	for line := range strings.Lines(question) {
		if t := oneLine(line, autoText); t != "" {
			return t
		}
	}
	return ""
}

// oneLine makes text fit for a line of a terminal or a page: no control
// characters, no invisible ones that turn the order of what follows around, one
// space between words, at most most characters. Joiners stay, for scripts and
// emoji need them.
func oneLine(text string, most int) string {
	var b strings.Builder
	n, space := 0, false
	for _, r := range text {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
			continue
		case hidden(r):
			continue
		}
		need := 1
		if space {
			need = 2
		}
		if n+need > most {
			return shorten(b.String(), most)
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
		n += need
	}
	return b.String()
}

// shorten puts an ellipsis at the end of a text of at most most characters.
func shorten(s string, most int) string {
	for utf8.RuneCountInString(s) >= most {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return strings.TrimRight(s, " ") + "…"
}

// hidden tells characters that are not seen and may deceive.
func hidden(r rune) bool {
	const joiners = "\u200c\u200d"
	return r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && !strings.ContainsRune(joiners, r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}
