package bm25

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Snippet is the part of a text to show for a query.
type Snippet struct {
	Start, End int      // bytes of the text
	Matches    [][2]int // bytes of the text, from and to, ascending, within Start and End
}

// Snippet finds the part of text, of about width characters, in which most
// words of the query stand closest to the beginning; without any, it is the
// beginning. It never cuts a character, and a word only when that alone is
// longer than width.
func (q Query) Snippet(text string, width int) Snippet {
	matches := q.matches(text)
	from, to := window(matches, width)
	if to == 0 {
		end := forward(text, 0, width)
		end = back(text, end, 0)
		return Snippet{0, len(strings.TrimRightFunc(text[:end], unicode.IsSpace)), nil}
	}
	first, last := matches[from], matches[to-1]
	// What is left of the width goes around, a third of it before.
	rest := max(0, width-utf8.RuneCountInString(text[first.start:min(last.end, forward(text, first.start, width))]))
	start := backward(text, first.start, rest/3)
	end := forward(text, last.end, rest-utf8.RuneCountInString(text[start:first.start]))
	s := Snippet{Start: start, End: end}
	if r, _ := utf8.DecodeLastRuneInString(text[:start]); start > 0 && !parts(r) { // in the middle of a word
		s.Start = first.start
		for at := start; at < first.start; {
			r, size := utf8.DecodeRuneInString(text[at:])
			at += size
			if parts(r) {
				s.Start = at
				break
			}
		}
	}
	s.End = max(back(text, end, last.end), last.end)
	s.Start = first.start - len(strings.TrimLeftFunc(text[s.Start:first.start], unicode.IsSpace))
	s.End = max(last.end, s.Start+len(strings.TrimRightFunc(text[s.Start:s.End], unicode.IsSpace)))
	if utf8.RuneCountInString(text[s.Start:s.End]) > width { // one endless word
		s.End = forward(text, s.Start, width)
	}
	for _, m := range matches[from:to] {
		if m.start < s.End {
			s.Matches = append(s.Matches, [2]int{m.start, min(m.end, s.End)})
		}
	}
	s.Matches = joined(s.Matches)
	return s
}

type match struct{ start, end, group int }

// matches are the places where words of the query stand.
func (q Query) matches(text string) []match {
	wanted := make(map[string]int)
	for i, w := range q.words {
		for _, f := range w.forms {
			wanted[f.term] = i
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	var a analyzer
	var found []match
	pieces(text, func(p piece) bool {
		raw := text[p.start:p.end]
		switch p.kind {
		case plain:
			for _, f := range a.forms(raw) {
				if g, ok := wanted[f]; ok {
					found = append(found, match{p.start, p.end, g})
					break
				}
			}
		case compound:
			if g, ok := wanted[wholeOf(raw)]; ok {
				for len(found) > 0 && found[len(found)-1].start >= p.start {
					found = found[:len(found)-1] // its parts
				}
				found = append(found, match{p.start, p.end, g})
			}
		case dense:
			for gram := range grams(raw) {
				if g, ok := wanted[gram.term]; ok {
					found = append(found, match{p.start + gram.start, p.start + gram.end, g})
				}
			}
		}
		return true
	})
	return found
}

// window chooses the matches to show: as many different words as fit into
// width bytes, then as many matches, then the first.
func window(all []match, width int) (from, to int) {
	count := make(map[int]int)
	bestWords, bestMatches := 0, 0
	left := 0
	for right, m := range all {
		count[m.group]++
		for left < right && m.end-all[left].start > width {
			if g := all[left].group; count[g] == 1 {
				delete(count, g)
			} else {
				count[g]--
			}
			left++
		}
		if w, n := len(count), right+1-left; w > bestWords || w == bestWords && n > bestMatches {
			bestWords, bestMatches, from, to = w, n, left, right+1
		}
	}
	return from, to
}

// forward is the place n characters after at, backward before it.
func forward(text string, at, n int) int {
	for ; n > 0 && at < len(text); n-- {
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return at
}

func backward(text string, at, n int) int {
	for ; n > 0 && at > 0; n-- {
		_, size := utf8.DecodeLastRuneInString(text[:at])
		at -= size
	}
	return at
}

// back is the last end of a word at or before end, but after least; end itself
// when there is none.
func back(text string, end, least int) int {
	if end == len(text) {
		return end
	}
	next, _ := utf8.DecodeRuneInString(text[end:])
	if parts(next) {
		return end
	}
	for at := end; at > least; {
		r, size := utf8.DecodeLastRuneInString(text[:at])
		if parts(r) {
			return at
		}
		at -= size
	}
	return end
}

// parts says whether a text may be cut beside a character.
func parts(r rune) bool {
	c := classOf(r)
	return c == other || c == spaceless
}

// joined makes one range of those that touch or overlap.
func joined(ranges [][2]int) [][2]int {
	var out [][2]int
	for _, r := range ranges {
		if n := len(out); n > 0 && r[0] <= out[n-1][1] {
			out[n-1][1] = max(out[n-1][1], r[1])
			continue
		}
		out = append(out, r)
	}
	return out
}
