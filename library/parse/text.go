package parse

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
)

// readText reads paragraphs, which blank lines part.
func readText(j *job, b []byte) error {
	text, ok := decodeText(b)
	if !ok {
		return refuse(Unknown)
	}
	return j.paragraphs(text, Record{Line: 1})
}

// paragraphs emits the paragraphs of text; the record says what they share, and
// its line is the text's first, or zero for none.
func (j *job) paragraphs(text string, as Record) error {
	line, begin := 0, 0
	start := -1
	flush := func(end int) error {
		if start < 0 {
			return nil
		}
		r := as
		if as.Line > 0 {
			r.Line = as.Line + begin
		}
		r.Raw = text[start:end]
		start = -1
		return j.emit(r)
	}
	for at := 0; at < len(text); line++ {
		end := len(text)
		if k := strings.IndexByte(text[at:], '\n'); k >= 0 {
			end = at + k + 1
		}
		blank := strings.TrimSpace(text[at:end]) == ""
		switch {
		case blank:
			if err := flush(at); err != nil {
				return err
			}
		case start < 0:
			start, begin = at, line
		}
		at = end
	}
	return flush(len(text))
}

// readSource reads program text: pieces of about 1,500 characters, parted where
// a blank line is followed by one that is not indented.
func readSource(j *job, b []byte) error {
	text, ok := decodeText(b)
	if !ok {
		return refuse(Unknown)
	}
	const long = 1500
	start, begin, line, blank := 0, 0, 0, false
	for at := 0; at < len(text); line++ {
		end := len(text)
		if k := strings.IndexByte(text[at:], '\n'); k >= 0 {
			end = at + k + 1
		}
		empty := strings.TrimSpace(text[at:end]) == ""
		outer := !empty && text[at] != ' ' && text[at] != '\t' && text[at] != '}' && text[at] != ')'
		if size := at - start; blank && !empty && (outer && size >= long || size >= 3*long) {
			if err := j.emit(Record{Kind: Code, Line: begin + 1, Raw: text[start:at]}); err != nil {
				return err
			}
			start, begin = at, line
		}
		blank = empty
		at = end
	}
	return j.emit(Record{Kind: Code, Line: begin + 1, Raw: text[start:]})
}

// row bounds what one row may take: a quote that is never closed, or a line of
// nothing but commas, is held as a whole.
type row struct {
	j    *job
	r    io.Reader
	size int
}

func (r *row) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if r.size += n; r.size > 2*maxRow {
		return 0, r.j.stop(TokenTooLong)
	}
	return n, err
}

func readCSV(j *job, b []byte) error { return j.separated(b, 0) }
func readTSV(j *job, b []byte) error { return j.separated(b, '\t') }

// separated reads a table of lines. Spreadsheets of half the world write
// semicolons between values, so the first line tells what parts them.
func (j *job) separated(b []byte, comma rune) error {
	text, ok := decodeText(b)
	if !ok {
		return refuse(Unknown)
	}
	if comma == 0 {
		first, _, _ := strings.Cut(text, "\n")
		comma = ','
		for _, other := range ";\t|" {
			if strings.Count(first, string(other)) > strings.Count(first, string(comma)) {
				comma = other
			}
		}
	}
	rest := &row{j: j, r: strings.NewReader(text)}
	r := csv.NewReader(rest)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord, r.ReuseRecord = comma, true, -1, true
	g := &grid{j: j}
	for {
		rest.size = 0
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return g.flush()
		}
		if errors.Is(err, errStop) {
			return errors.Join(g.flush(), err)
		}
		if err != nil {
			return refuse(Damaged)
		}
		line, _ := r.FieldPos(0)
		if err := g.add(row, line); err != nil {
			return err
		}
	}
}
