package bm25

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kljensen/snowball/english"
	"github.com/kljensen/snowball/french"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	// Analysis numbers the rules by which texts become terms. A segment made by
	// other rules can be read, but is not to be searched: build it anew.
	Analysis = 1

	maxTerm  = 128      // bytes of a term; what is longer is known by its beginning, a compound that is longer by its parts
	maxRaw   = 4 * 128  // bytes of a word before it is put into a common form
	maxCache = 64 << 10 // words whose terms are remembered
)

// analyzer makes terms of texts. It remembers words, so it lives and dies with
// the index that it serves. It is not safe for concurrent use.
type analyzer struct {
	known map[string][]string // forms by the word as written, ASCII in lower case
	lower [maxTerm]byte
}

// terms yields the terms of a text, each as often as it occurs, and gives the
// text's length in words. A word yields each of its forms once.
func (a *analyzer) terms(text string, yield func(string)) (words uint32) {
	pieces(text, func(p piece) bool {
		raw := text[p.start:p.end]
		switch p.kind {
		case plain:
			for _, f := range a.forms(raw) {
				yield(f)
			}
			words++
		case compound:
			if whole := wholeOf(raw); whole != "" {
				yield(whole)
			}
		case dense:
			for gram := range grams(raw) {
				yield(gram.term)
				if gram.single {
					words++
				}
			}
		}
		return true
	})
	return words
}

// forms are the terms of a word: as written, without diacritics, and its
// stems, each once, as written first.
func (a *analyzer) forms(raw string) []string {
	if small := a.small(raw); small != nil {
		if f, ok := a.known[string(small)]; ok { // makes no string
			return f
		}
		return a.learn(string(small))
	}
	if f, ok := a.known[raw]; ok {
		return f
	}
	if len(raw) > maxTerm {
		return formsOf(raw)
	}
	return a.learn(strings.Clone(raw)) // the text itself is not to be kept
}

// small is an ASCII word in lower case, nil if it is another or too long.
func (a *analyzer) small(raw string) []byte {
	if len(raw) > len(a.lower) {
		return nil
	}
	for i := range len(raw) {
		c := raw[i]
		if c >= utf8.RuneSelf {
			return nil
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		a.lower[i] = c
	}
	return a.lower[:len(raw)]
}

func (a *analyzer) learn(word string) []string {
	if a.known == nil || len(a.known) >= maxCache {
		a.known = make(map[string][]string)
	}
	f := formsOf(word)
	a.known[word] = f
	return f
}

// formsOf is what forms remembers.
func formsOf(raw string) []string {
	s := spell(raw)
	var forms []string
	for _, f := range []string{s.exact, s.bare, s.english, s.french} {
		if f != "" && !slices.Contains(forms, f) {
			forms = append(forms, f)
		}
	}
	return forms
}

// spelling is a word by its forms, of which several may be equal.
type spelling struct {
	exact   string // as written
	bare    string // without diacritics
	english string // stem; empty where the word has none
	french  string // stem, without diacritics; empty where the word has none
}

// spell finds the forms of a word. Words with a digit, numbers and names of
// things mostly, have no stem: they are found as they are.
func spell(raw string) (s spelling) {
	s.exact = folded(cut(raw, maxRaw))
	s.bare = unaccented(s.exact)
	latin, ascii := s.exact != "", s.bare != ""
	for _, r := range s.exact {
		latin = latin && unicode.Is(unicode.Latin, r)
	}
	for _, r := range s.bare {
		ascii = ascii && 'a' <= r && r <= 'z'
	}
	if latin {
		if ascii {
			s.english = cut(english.Stem(s.bare, false), maxTerm)
		}
		s.french = unaccented(cut(french.Stem(s.exact, false), maxTerm))
	}
	return s
}

// folded puts a word into the form in which all its spellings are one: NFKC,
// full case folding, no invisible signs.
func folded(raw string) string {
	ascii := true
	for i := range len(raw) {
		ascii = ascii && raw[i] < utf8.RuneSelf
	}
	if ascii {
		return cut(strings.ToLower(raw), maxTerm)
	}
	s := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, raw)
	return cut(norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s))), maxTerm)
}

// unaccented is a folded word without diacritics. Letters that Unicode does not
// take apart are written as people type them who lack the key.
func unaccented(s string) string {
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] < utf8.RuneSelf
	}
	if ascii {
		return s
	}
	var out strings.Builder
	for _, r := range norm.NFKD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r == 'œ':
			out.WriteString("oe")
		case r == 'æ':
			out.WriteString("ae")
		case r == 'ø':
			out.WriteByte('o')
		case r == 'ł':
			out.WriteByte('l')
		case r == 'đ', r == 'ð':
			out.WriteByte('d')
		case r == 'ı':
			out.WriteByte('i')
		default:
			out.WriteRune(r)
		}
	}
	return cut(norm.NFKC.String(out.String()), maxTerm)
}

// wholeOf is the term of a compound; the empty string when it is too long.
func wholeOf(raw string) string {
	if len(raw) > maxTerm {
		return ""
	}
	return unaccented(folded(raw))
}

// cut shortens s to at most n bytes of whole characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
