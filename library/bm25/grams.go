package bm25

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// gram is one character of a dense run, or two that follow each other.
type gram struct {
	term       string
	start, end int  // bytes of the run
	single     bool // one character
}

// grams are the characters of a dense run and its pairs of neighbours: after
// each character, the pair that it ends. Combining marks count with the
// character that carries them.
func grams(raw string) iter.Seq[gram] {
	return func(yield func(gram) bool) {
		text, same := raw, true
		if !norm.NFKC.IsNormalString(raw) || strings.ContainsFunc(raw, invisible) {
			text, same = norm.NFKC.String(strings.Map(dropInvisible, raw)), false
		}
		before := -1
		for i := 0; i < len(text); {
			_, size := utf8.DecodeRuneInString(text[i:])
			end := i + size
			for end < len(text) && end-i < maxTerm/2-utf8.UTFMax {
				r, size := utf8.DecodeRuneInString(text[end:])
				if !unicode.IsMark(r) {
					break
				}
				end += size
			}
			place := func(from, to int) (int, int) {
				if same {
					return from, to
				}
				return 0, len(raw) // signs moved: the run is shown as a whole
			}
			s, e := place(i, end)
			if !yield(gram{text[i:end], s, e, true}) {
				return
			}
			if before >= 0 {
				s, e = place(before, end)
				if !yield(gram{text[before:end], s, e, false}) {
					return
				}
			}
			before, i = i, end
		}
	}
}

func invisible(r rune) bool { return unicode.Is(unicode.Cf, r) || r == utf8.RuneError }

func dropInvisible(r rune) rune {
	if invisible(r) {
		return -1
	}
	return r
}
