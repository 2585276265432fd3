package bm25

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// piece is a part of a text that is searched as one.
type piece struct {
	start, end int // bytes of the text
	kind       kind
}

type kind uint8

const (
	plain    kind = iota // letters and digits
	compound             // plain pieces held together by single signs, as in 192.168.0.1 or snake_case: comes after its parts
	dense                // a run in a script without spaces
)

type class uint8

const (
	other  class = iota
	letter       // or digit
	spaceless
	rider // combining mark or invisible sign: belongs to what is before it
)

// classOf sorts characters. Scripts that are written without spaces, and
// Hangul, whose words carry their endings, are searched by pairs of characters.
func classOf(r rune) class {
	switch {
	case r < utf8.RuneSelf:
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return letter
		}
		return other
	case r < 0x300: // Latin; the rest of this block are signs, but for the soft hyphen
		switch {
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			return letter
		case r == 0xAD:
			return rider
		}
		return other
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar),
		r == 'ー', r == '々', r == 'ﾞ', r == 'ﾟ':
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return spaceless
		}
		if unicode.IsMark(r) {
			return rider
		}
		return other
	case unicode.IsMark(r):
		return rider
	case unicode.Is(unicode.Cf, r) && r != 0x200B && r != 0xFEFF: // the zero-width space parts words
		return rider
	case unicode.IsLetter(r) || unicode.IsNumber(r):
		return letter
	}
	return other
}

// joins tells which signs hold a compound together.
func joins(c byte) bool { return strings.IndexByte(`-_.:/\@+&#`, c) >= 0 }

// pieces yields the pieces of a text in order; a compound comes after its parts.
func pieces(text string, yield func(piece) bool) {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch classOf(r) {
		case letter:
			end, ok := word(text, i, yield)
			if !ok {
				return
			}
			i = end
		case spaceless:
			end := run(text, i, spaceless)
			if !yield(piece{i, end, dense}) {
				return
			}
			i = end
		default:
			i += size
		}
	}
}

// word yields the word that begins at start, with what is joined to it.
func word(text string, start int, yield func(piece) bool) (end int, more bool) {
	for at, parts := start, 1; ; parts++ {
		end = run(text, at, letter)
		if !yield(piece{at, end, plain}) {
			return end, false
		}
		if end+1 < len(text) && joins(text[end]) {
			if r, _ := utf8.DecodeRuneInString(text[end+1:]); classOf(r) == letter {
				at = end + 1
				continue
			}
		}
		// C++ and C#, which are words of one letter otherwise.
		tail := end
		for tail < len(text) && tail < end+2 && (text[tail] == '+' || text[tail] == '#') {
			tail++
		}
		if parts > 1 || tail > end {
			return tail, yield(piece{start, tail, compound})
		}
		return end, true
	}
}

// run is the end of the run of characters of class c that begins at i.
func run(text string, i int, c class) int {
	for i < len(text) {
		if x := text[i]; x < utf8.RuneSelf { // the common case, without the switch
			if c != letter || classOf(rune(x)) != letter {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if k := classOf(r); k != c && k != rider {
			return i
		}
		i += size
	}
	return i
}
