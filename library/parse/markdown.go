package parse

import (
	"regexp"
	"strings"
)

// readMarkdown reads Markdown's blocks line by line. What stands within a line
// stays as it is written: a quotation from it fits.
func readMarkdown(j *job, b []byte) error {
	text, ok := decodeText(b)
	if !ok {
		return refuse(Unknown)
	}
	m := &markdown{j: j}
	for at := 0; at < len(text); m.line++ {
		end := len(text)
		if k := strings.IndexByte(text[at:], '\n'); k >= 0 {
			end = at + k + 1
		}
		if err := j.step(end - at); err != nil {
			return err
		}
		if err := m.take(strings.TrimRight(text[at:end], "\r\n")); err != nil {
			return err
		}
		at = end
	}
	if m.comment {
		m.as.Flags |= Hidden
	}
	return m.flush()
}

type markdown struct {
	j       *job
	line    int // number of the line that is read, from 0
	as      Record
	block   []string
	fence   string // what closes the code that is open
	front   bool   // in the front matter
	comment bool   // in an HTML comment that runs on
	rows    *grid
}

var (
	atxHeading = regexp.MustCompile(`^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$`)
	underline  = regexp.MustCompile(`^ {0,3}(?:=+|-+)[ \t]*$`)
	fenceOpen  = regexp.MustCompile("^ {0,3}(```+|~~~+)")
	listItem   = regexp.MustCompile(`^([ \t]*)(?:[-*+]|\d{1,9}[.)])[ \t]+(.*)$`)
	delimiter  = regexp.MustCompile(`^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$`)
	rule       = regexp.MustCompile(`^ {0,3}(?:(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}|(?:-[ \t]*){3,})$`)
)

// longBlock is how many lines one record takes.
const longBlock = 1000

func (m *markdown) begin(r Record) {
	r.Line = m.line + 1
	m.as = r
}

func (m *markdown) flush() error {
	if m.rows != nil {
		g := m.rows
		m.rows = nil
		return g.flush()
	}
	if len(m.block) == 0 {
		return nil
	}
	r := m.as
	r.Raw = strings.Join(m.block, "\n")
	m.block = m.block[:0]
	return m.j.emit(r)
}

func (m *markdown) take(line string) error {
	if len(m.block) >= longBlock {
		if err := m.flush(); err != nil {
			return err
		}
		m.as.Line = m.line + 1
		m.as.Flags |= Part
	}
	if len(line) > maxText { // no pattern is asked about a line without end
		if len(m.block) == 0 {
			m.begin(Record{})
		}
		m.block = append(m.block, line)
		return nil
	}
	trimmed := strings.TrimSpace(line)
	switch {
	case m.front:
		if trimmed == "---" || trimmed == "..." {
			m.front = false
			return m.flush()
		}
		m.block = append(m.block, line)
		return nil
	case m.fence != "":
		if strings.HasPrefix(trimmed, m.fence) && strings.Trim(trimmed, m.fence[:1]) == "" {
			m.fence = ""
			return m.flush()
		}
		m.block = append(m.block, line)
		return nil
	case m.comment:
		before, after, closed := strings.Cut(line, "-->")
		m.block = append(m.block, before)
		if !closed {
			return nil
		}
		m.comment = false
		if err := m.flush(); err != nil {
			return err
		}
		return m.take(after)
	case m.line == 0 && trimmed == "---":
		m.front = true
		m.begin(Record{Kind: Code})
		return nil
	}
	if before, after, ok := strings.Cut(line, "<!--"); ok && !strings.Contains(before, "`") {
		return m.hide(before, after)
	}
	return m.visible(line, trimmed)
}

// hide takes a line in which a comment begins.
func (m *markdown) hide(before, after string) error {
	if strings.TrimSpace(before) != "" {
		if err := m.visible(before, strings.TrimSpace(before)); err != nil {
			return err
		}
	}
	if err := m.flush(); err != nil {
		return err
	}
	m.begin(Record{Flags: Hidden})
	m.comment = true
	return m.take(after)
}

func (m *markdown) visible(line, trimmed string) error {
	if trimmed == "" {
		return m.flush()
	}
	if m.rows != nil {
		if strings.Contains(line, "|") {
			return m.rows.add(pipes(trimmed), m.line+1)
		}
		if err := m.flush(); err != nil {
			return err
		}
	}
	para := len(m.block) > 0 && m.as.Kind == Para && m.as.Flags == 0
	switch {
	case para && strings.Contains(line, "|") && delimiter.MatchString(line):
		header := m.block[len(m.block)-1]
		m.block = m.block[:len(m.block)-1]
		if err := m.flush(); err != nil {
			return err
		}
		m.rows = &grid{j: m.j}
		return m.rows.add(pipes(strings.TrimSpace(header)), m.line)
	case para && len(m.block) == 1 && underline.MatchString(line):
		m.as.Kind, m.as.Level = Heading, 1
		if trimmed[0] == '-' {
			m.as.Level = 2
		}
		return m.flush()
	case rule.MatchString(line):
		return m.flush()
	}
	if h := atxHeading.FindStringSubmatch(line); h != nil {
		if err := m.flush(); err != nil {
			return err
		}
		m.begin(Record{Kind: Heading, Level: len(h[1])})
		m.block = append(m.block, h[2])
		return m.flush()
	}
	if f := fenceOpen.FindStringSubmatch(line); f != nil {
		if err := m.flush(); err != nil {
			return err
		}
		m.fence = f[1]
		m.begin(Record{Kind: Code})
		return nil
	}
	if l := listItem.FindStringSubmatch(line); l != nil {
		if err := m.flush(); err != nil {
			return err
		}
		indent := len(strings.ReplaceAll(l[1], "\t", "    "))
		m.begin(Record{Flags: List, Level: 1 + min(indent/2, 8)})
		m.block = append(m.block, l[2])
		return nil
	}
	indented := strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t")
	if len(m.block) == 0 {
		m.begin(Record{})
		if indented {
			m.as.Kind = Code
		}
	} else if m.as.Kind == Code && !indented {
		if err := m.flush(); err != nil {
			return err
		}
		m.begin(Record{})
	}
	if m.as.Kind != Code {
		line = strings.TrimLeft(line, " \t")
		for strings.HasPrefix(line, ">") { // a quotation is read as what it quotes
			line = strings.TrimLeft(line[1:], " \t")
		}
	}
	m.block = append(m.block, line)
	return nil
}

// pipes are the cells of a table's row; a pipe behind a backslash parts nothing.
func pipes(row string) []string {
	row = strings.TrimSuffix(strings.TrimPrefix(row, "|"), "|")
	row = strings.ReplaceAll(row, `\|`, "\x00")
	parts := strings.Split(row, "|")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(strings.TrimSpace(p), "\x00", "|")
	}
	return parts
}
