package parse

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Stripped counts the characters that normalisation took away.
type Stripped struct {
	Control int // C0 and C1, without tabs and line ends
	Unseen  int // of no width, fillers, variation selectors
	Bidi    int // marks and overrides of direction
	Tags    int // Unicode tags, which can hide a whole text
	Private int // for private use, and what is no character
}

func (s *Stripped) add(o Stripped) {
	s.Control += o.Control
	s.Unseen += o.Unseen
	s.Bidi += o.Bidi
	s.Tags += o.Tags
	s.Private += o.Private
}

// Map leads from normalised text back to the text it was made from. The zero
// Map is that of a text that did not change.
type Map []span

// span says that n bytes of the text, from to on, come from m raw bytes, from
// from on: byte by byte, or as a whole, where a character became another. What
// lies between spans was stripped.
type span struct {
	to, from, n, m int
	whole          bool
}

// Range is where in the raw text the bytes from and up to to lie, without what
// was stripped before and behind them. Of characters that became others it
// holds all they were made from.
func (m Map) Range(from, to int) (rawFrom, rawTo int) {
	if len(m) == 0 {
		return from, to
	}
	first := m.holding(from)
	rawFrom = first.from
	if !first.whole {
		rawFrom += from - first.to
	}
	if to <= from {
		return rawFrom, rawFrom
	}
	last := m.holding(to - 1)
	if last.whole {
		return rawFrom, last.from + last.m
	}
	return rawFrom, last.from + to - last.to
}

// holding finds the span of a byte of the text, or the last before it.
func (m Map) holding(at int) span {
	i := sort.Search(len(m), func(i int) bool { return m[i].to > at })
	return m[max(i-1, 0)]
}

func (m Map) with(s span) Map {
	if k := len(m) - 1; k >= 0 && !m[k].whole && !s.whole && m[k].from+m[k].m == s.from {
		m[k].n += s.n
		m[k].m += s.m
		return m
	}
	return append(m, s)
}

// Normalise brings text to Unicode's form C, ends its lines with \n, and strips
// what a reader cannot see: characters that steer terminals or direction, that
// have no width, that smuggle text, or that mean nothing to anybody else. Bytes
// that are not UTF-8 become U+FFFD.
func Normalise(raw string) (string, Map, Stripped) {
	var gone Stripped
	if clean(raw) {
		return raw, nil, gone
	}
	var b strings.Builder
	var m Map
	marks := 0
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRuneInString(raw[i:])
		out, whole := raw[i:i+n], false
		switch {
		case mark(r, &marks) > maxMarks:
			gone.Unseen++
			out = ""
		case r == utf8.RuneError && n == 1:
			out, whole = "\uFFFD", true
		case r == '\r' && i+1 < len(raw) && raw[i+1] == '\n':
			out = ""
		case r == '\r', r == '\v', r == '\f', r == 0x85, r == 0x2028, r == 0x2029:
			out, whole = "\n", true
		default:
			if counter := gone.of(r); counter != nil {
				*counter++
				out = ""
			}
		}
		if out != "" {
			m = m.with(span{b.Len(), i, len(out), n, whole})
			b.WriteString(out)
		}
		i += n
	}
	text := b.String()
	if !norm.NFC.IsNormalString(text) {
		text, m = compose(text, m)
	}
	return text, m, gone
}

// compose brings text to form C and its map with it.
func compose(text string, m Map) (string, Map) {
	var b strings.Builder
	var composed Map
	var it norm.Iter
	it.InitString(norm.NFC, text)
	for !it.Done() {
		from := it.Pos()
		seg := it.Next()
		to := it.Pos()
		rawFrom, rawTo := m.Range(from, to)
		whole := string(seg) != text[from:to] || rawTo-rawFrom != to-from || m.holding(from).whole
		composed = composed.with(span{b.Len(), rawFrom, len(seg), rawTo - rawFrom, whole})
		b.Write(seg)
	}
	return b.String(), composed
}

// clean says that normalisation changes nothing: the common case, told fast.
func clean(s string) bool {
	ascii := true
	for i := range len(s) {
		c := s[i]
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if ascii {
		return true
	}
	var none Stripped
	marks := 0
	for i, r := range s {
		if mark(r, &marks) > maxMarks || r >= 0x80 && (r < 0xa0 || r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") ||
			r == 0x2028 || r == 0x2029 || none.of(r) != nil) {
			return false
		}
	}
	return norm.NFC.IsNormalString(s)
}

// maxMarks is how many marks one letter may bear: more than any script needs,
// fewer than make a tower, or than form C would part.
const maxMarks = 12

// mark counts the marks in a row.
func mark(r rune, n *int) int {
	switch {
	case r < 0x300, !unicode.Is(unicode.M, r):
		if r >= 0xa0 || r == '\n' || r >= ' ' && r < 0x7f {
			*n = 0
		}
	default:
		*n++
	}
	return *n
}

// of is the counter of a character that is stripped, nil for one that stays.
func (s *Stripped) of(r rune) *int {
	switch {
	case r == '\n', r == '\t', r >= ' ' && r < 0x7f:
		return nil
	case r < ' ', r >= 0x7f && r < 0xa0, r >= 0xfff9 && r <= 0xfffb:
		return &s.Control
	case r == 0xad, r == 0x34f, r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5, r == 0x3164, r == 0xffa0, r == 0xfeff,
		r >= 0x180b && r <= 0x180f, r >= 0x200b && r <= 0x200d, r >= 0x2060 && r <= 0x2065, r >= 0x206a && r <= 0x206f,
		r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0100 && r <= 0xe01ef, r >= 0x1d173 && r <= 0x1d17a:
		return &s.Unseen
	case r == 0x61c, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return &s.Bidi
	case r >= 0xe0000 && r <= 0xe0fff:
		return &s.Tags
	case r >= 0xe000 && r <= 0xf8ff, r >= 0xf0000, r >= 0xfdd0 && r <= 0xfdef, r&0xfffe == 0xfffe:
		return &s.Private
	}
	return nil
}
