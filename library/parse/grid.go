package parse

import "strings"

// grid gathers the rows of a table into records of about two thousand
// characters, each of which begins with the header row: so that every one of
// them can be understood, and found, alone.
type grid struct {
	j      *job
	as     Record // what the records of this table share
	header string
	group  []string
	size   int
	rows   int
}

const (
	groupSize  = 2000
	longHeader = 500 // a longer header is not repeated
	maxColumns = 1024
	maxRow     = 1 << 20 // what a row holds at most
)

// cells joins a row; breaks within a cell become blanks.
func cells(row []string) string {
	for i, c := range row {
		if strings.ContainsAny(c, "\n\r\t ") {
			row[i] = fold(c)
		}
	}
	for len(row) > 0 && row[len(row)-1] == "" {
		row = row[:len(row)-1]
	}
	return strings.Join(row, " | ")
}

// fold makes one blank of several, in memory that does not depend on how many.
func fold(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for word := range strings.FieldsSeq(s) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	return b.String()
}

// add takes a row as it stands in the file from line on.
func (g *grid) add(row []string, line int) error {
	text := cells(row)
	if text == "" {
		return nil
	}
	g.rows++
	if g.rows == 1 {
		g.header = text
	}
	if len(g.group) == 0 {
		g.as.Line = line
		if g.rows > 1 && len(g.header) <= longHeader {
			g.put(g.header)
		}
	}
	g.put(text)
	if g.size >= groupSize {
		return g.flush()
	}
	return nil
}

func (g *grid) put(text string) {
	g.group = append(g.group, text)
	g.size += len(text) + 1
}

func (g *grid) flush() error {
	if len(g.group) == 0 {
		return nil
	}
	r := g.as
	r.Kind = Table
	r.Raw = strings.Join(g.group, "\n")
	g.group, g.size = g.group[:0], 0
	return g.j.emit(r)
}
