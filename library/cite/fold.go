package cite

import (
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// folded is a text as it is compared, and where each of its characters stands in
// the text that it was made of.
type folded struct {
	runes []rune
	at    []Span
}

// span is the stretch of the text that characters were made of.
func (f folded) span(from, to int) Span {
	return Span{f.at[from].Start, f.at[to-1].End}
}

// fold makes all spaces one, takes off case, accents and what nobody sees, joins
// words that a line's end cut, and makes quotation marks and dashes alike. What the
// engine did to signs that spell control tokens is undone.
func fold(text string) (f folded) {
	put := func(r rune, at Span) {
		if r == ' ' && (len(f.runes) == 0 || f.runes[len(f.runes)-1] == ' ') {
			return
		}
		f.runes, f.at = append(f.runes, r), append(f.at, at)
	}
	var one [8]byte
	for i, r := range text {
		at := Span{i, i + len(string(r))}
		if r == unicode.ReplacementChar && text[i] != 0xef { // a byte that is no character
			at.End = i + 1
		}
		switch {
		case unseen(r):
		case unicode.IsSpace(r):
			if r == '\n' && f.cut() {
				continue
			}
			put(' ', at)
		case r < 0x80:
			put(lower(r), at)
		default:
			for _, d := range string(norm.NFKD.AppendString(one[:0], string(r))) {
				switch {
				case d >= 0x300 && d <= 0x36f: // an accent
				case unicode.IsSpace(d):
					put(' ', at)
				default:
					put(lower(alike(d)), at)
				}
			}
		}
	}
	if n := len(f.runes); n > 0 && f.runes[n-1] == ' ' {
		f.runes, f.at = f.runes[:n-1], f.at[:n-1]
	}
	return f
}

// cut takes off the dash of a word that a line's end cut.
func (f *folded) cut() bool {
	n := len(f.runes)
	if n < 2 || f.runes[n-1] != '-' || !unicode.IsLetter(f.runes[n-2]) {
		return false
	}
	f.runes, f.at = f.runes[:n-1], f.at[:n-1]
	return true
}

func lower(r rune) rune { return unicode.ToLower(r) }

func unseen(r rune) bool {
	switch {
	case r == 0xad, r == 0x34f, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff:
		return true
	}
	return unicode.IsControl(r) && !unicode.IsSpace(r)
}

// alike gives one sign for those that look the same. The first two are what the
// engine puts in the place of "<" and "[" where they would begin a control token.
func alike(r rune) rune {
	switch r {
	case '‹':
		return '<'
	case '⁅':
		return '['
	case '›':
		return '>'
	case '⁆':
		return ']'
	case '‘', '’', '‚', '‛', '′', '´', '`':
		return '\''
	case '“', '”', '„', '‟', '″', '«', '»':
		return '"'
	case '‐', '‑', '‒', '–', '—', '―', '−':
		return '-'
	}
	return r
}

// trimmed is a quotation without what a model puts around one.
func trimmed(q folded) folded {
	around := func(r rune) bool {
		switch r {
		case ' ', '"', '\'', '.', ',', ';', ':', '!', '?', '*', '_':
			return true
		}
		return false
	}
	from, to := 0, len(q.runes)
	for from < to && around(q.runes[from]) {
		from++
	}
	for to > from && around(q.runes[to-1]) {
		to--
	}
	return folded{q.runes[from:to], q.at[from:to]}
}
