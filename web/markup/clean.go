package markup

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes text fit to be shown: characters that cannot be seen, that turn the
// order of others around or that a terminal or a page would obey are shown by
// name; each byte that is no UTF-8 becomes U+FFFD; lines end with "\n".
//
// Texts that carry hidden messages, and addresses that read otherwise than they
// are, show it.
func Clean(text string) string {
	if i := strings.IndexFunc(text, strange); i < 0 && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		switch {
		case r == '\r':
			if i == len(text) || text[i] != '\n' {
				b.WriteByte('\n')
			}
		case strange(r):
			b.WriteString(name(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// strange tells a character that Clean replaces.
func strange(r rune) bool {
	switch {
	case r == '\n' || r == '\t' || r >= ' ' && r < 0x7f:
		return false
	case r < 0xa0: // control characters
		return true
	case r == 0x200c || r == 0x200d: // joiners: scripts and emoji need them
		return false
	case r >= 0x600 && r <= 0x605, r == 0x6dd, r == 0x70f, r == 0x890, r == 0x891, r == 0x8e2, r == 0x110bd, r == 0x110cd:
		return false // format characters that are seen
	case r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0xffa0: // fillers, which are letters and not seen
		return true
	case r == 0x34f || r == 0x17b4 || r == 0x17b5:
		return true
	case r >= 0xfe00 && r <= 0xfe0d, r >= 0xe0100 && r <= 0xe01ef: // variation selectors carry hidden bytes; those of text and emoji stay
		return true
	}
	return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// name shows a character that cannot be seen.
func name(r rune) string {
	switch {
	case r < ' ':
		return string('\u2400' + r)
	case r == 0x7f:
		return "\u2421"
	}
	return fmt.Sprintf("\u27e8U+%04X\u27e9", r)
}
