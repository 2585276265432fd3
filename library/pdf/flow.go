package pdf

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// leastFull is how many letters a line of running text has at least. Those of poems,
// addresses and forms are shorter, and end where their author wanted.
const leastFull = 25

var (
	numbered = regexp.MustCompile(`^ *[(\[]?([0-9]{1,3}|[A-Za-z]|[ivxIVX]{1,5})[.)\]] `)
	leader   = regexp.MustCompile(`(\. ?){4}|…{2}|_{4}`) // as tables of contents and forms have
)

// edges are how far the lines of a page go to the right, by where they begin: the
// first and the second of those that begin about there.
type edges map[int][2]float32

// step is how far apart two lines of a column may begin, in points.
const step = 24

func edgesOf(lines []*line, body float32) edges {
	e := make(edges)
	for _, l := range lines {
		if l.letters >= leastFull && headingLevel(l.size, body) == 0 && !bytes.ContainsRune(l.seen, '\t') {
			k := int(l.left) / step
			e[k] = further(e[k], l.right)
		}
	}
	return e
}

// of is the edge of the column that a line is in: one that two lines at least go to.
func (e edges) of(l *line) float32 {
	var all [2]float32
	for k := int(l.left)/step - 1; k <= int(l.left)/step+1; k++ {
		all = further(further(all, e[k][0]), e[k][1])
	}
	return all[1]
}

// further are the two of three that go furthest.
func further(two [2]float32, x float32) [2]float32 {
	if x > two[0] {
		return [2]float32{x, two[0]}
	}
	return [2]float32{two[0], max(two[1], x)}
}

// flows tells whether b goes on in the sentence of a: the line is full, for b's first
// word did not fit into what is left of its column. Where that is not sure the line's
// end stays.
func (e edges) flows(a, b *line) bool {
	switch {
	case a.letters < leastFull, b.letters == 0:
		return false
	case bytes.ContainsRune(a.seen, '\t'), bytes.ContainsRune(b.seen, '\t'): // cells
		return false
	case numbered.Match(b.seen), leader.Match(a.seen), leader.Match(b.seen):
		return false
	}
	last, _ := utf8.DecodeLastRune(bytes.TrimRightFunc(a.seen, unicode.IsSpace))
	first, _ := utf8.DecodeRune(bytes.TrimLeftFunc(b.seen, unicode.IsSpace))
	if unicode.Is(unicode.Pd, last) || !spaced(last) || !spaced(first) { // a hyphen may part a word
		return false
	}
	text := strings.TrimSpace(string(b.seen))
	word, _, _ := strings.Cut(text, " ")
	wide := (b.right - b.left) / float32(utf8.RuneCountInString(text)) * float32(utf8.RuneCountInString(word)+2) // words differ in width
	edge := e.of(a)
	return a.right+wide > edge && a.right-wide < edge // one that juts out is no running text
}

// spaced tells whether words stand apart in what is written so, and from left to right.
func spaced(r rune) bool {
	return !unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar,
		unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko)
}
