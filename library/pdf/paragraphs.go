package pdf

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"abaton.local/library/parse"
)

// paragraphs puts lines together and hands them on. What is hidden in a paragraph
// follows it as a record of its own.
func (r *reading) paragraphs(lines []*line) error {
	body := r.body()
	e := edgesOf(lines, body)
	for len(lines) > 0 {
		n := 1
		for n < len(lines) && together(lines[n-1], lines[n]) {
			n++
		}
		if err := r.paragraph(lines[:n], body, e); err != nil {
			return err
		}
		lines = lines[n:]
	}
	return nil
}

func (r *reading) paragraph(lines []*line, body float32, e edges) error {
	var seen, unseen strings.Builder
	size, broken := float32(0), false
	for i, l := range lines {
		if i > 0 && !broken {
			seen.WriteString(between(lines, i, e))
		}
		seen.Write(bytes.TrimRight(l.seen, " \u00a0"))
		if len(l.unseen) > 0 {
			unseen.Write(append(bytes.TrimSpace(l.unseen), '\n'))
		}
		size, broken = max(size, l.size), l.broken
	}
	text := parse.Record{Raw: seen.String()}
	switch level := headingLevel(size, body); {
	case level > 0 && len(lines) <= 3 && utf8.RuneCountInString(text.Raw) <= 200 && strings.ContainsFunc(text.Raw, unicode.IsLetter):
		text.Kind, text.Level = parse.Heading, level
	case bullet(text.Raw):
		text.Flags, text.Level = parse.List, 1
	}
	if err := r.pages.Emit(text); err != nil {
		return err
	}
	return r.pages.Emit(parse.Record{Flags: parse.Hidden, Raw: unseen.String()})
}

// between is what stands before the ith line of a paragraph: those that stand beside
// each other are cells, or columns, and those of a sentence are one text.
func between(lines []*line, i int, e edges) string {
	a, b := lines[i-1], lines[i]
	switch {
	case sameRow(a, b):
		return "\t"
	case i > 1 && sameRow(lines[i-2], a), i+1 < len(lines) && sameRow(b, lines[i+1]): // the next row
		return "\n"
	case e.flows(a, b):
		return " "
	}
	return "\n"
}

func sameRow(a, b *line) bool {
	return a.letters > 0 && b.letters > 0 && abs(a.bottom-b.bottom) < 0.4*min(a.size, b.size) && b.left >= a.right
}

// together tells whether b goes on in the paragraph of a.
func together(a, b *line) bool {
	switch {
	case a.letters == 0 || b.letters == 0:
		return a.letters == b.letters
	case sameRow(a, b):
		return true
	case bullet(string(b.seen[:min(len(b.seen), 16)])):
		return false
	case max(a.size, b.size) > 1.15*min(a.size, b.size):
		return false
	}
	down := a.bottom - b.bottom
	return down > 0 && down < 1.6*max(a.size, b.size)
}

func abs(f float32) float32 { return max(f, -f) }

// body is how large the letters of the text are: those of which there are most.
func (r *reading) body() float32 {
	best := 0
	for size, n := range r.sizes {
		if n > r.sizes[best] || n == r.sizes[best] && size < best {
			best = size
		}
	}
	return float32(best) / 2
}

// headingLevel is that of text of a size, 0 for what is no heading.
func headingLevel(size, body float32) int {
	switch {
	case body == 0 || size < 1.18*body:
		return 0
	case size >= 1.7*body:
		return 1
	case size >= 1.35*body:
		return 2
	}
	return 3
}

func bullet(s string) bool {
	c, n := utf8.DecodeRuneInString(strings.TrimLeft(s, " "))
	rest := strings.TrimLeft(s, " ")[n:]
	return strings.ContainsRune("•‣▪▫◦●○■□–—*-\uf0b7", c) && strings.HasPrefix(rest, " ")
}
