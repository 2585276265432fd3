package chunk

import "strings"

// cutter walks once through a document's records.
type cutter struct {
	limits  Limits
	count   Count
	doc     *Document
	section int    // the innermost that is open
	lead    string // of passages in it
	reached int    // where the text of the last record ends
	prose   *block // that is being filled; nil at the beginning of a section and after a table or code
}

type span struct{ start, end int }

// lay puts the records' texts into one, and says where each lies.
func (c *cutter) lay(records []Record) []span {
	var b strings.Builder
	places := make([]span, len(records))
	for i, r := range records {
		text := strings.Trim(r.Text, "\r\n")
		if strings.TrimSpace(text) == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n\n")
		}
		places[i].start = b.Len()
		b.WriteString(text)
		places[i].end = b.Len()
	}
	c.doc.Text = b.String()
	return places
}

// walk makes passages of all records.
func (c *cutter) walk(records []Record, places []span) {
	c.lead = c.path(0)
	for i, r := range records {
		at := places[i]
		if at.start == at.end {
			continue
		}
		switch r.Kind {
		case Heading:
			c.flush()
			c.heading(r, at)
			if bare(records[i+1:], places[i+1:], max(1, r.Level)) {
				// A heading under which nothing stands is to be found all the same.
				b := c.block(Heading, at, c.path(c.doc.Sections[c.section].Parent), "")
				b.fill(at, r.Page, words)
				b.flush()
			}
		case Table, Code:
			c.flush()
			b := c.block(r.Kind, at, c.lead, "")
			if r.Kind == Table {
				b = c.table(at)
			}
			b.fill(at, r.Page, lines)
			b.flush()
		default:
			if c.prose == nil {
				c.prose = c.block(Prose, at, c.lead, "")
			}
			c.prose.fill(at, r.Page, sentences)
		}
		c.reached = at.end
	}
	c.flush()
	c.leave(0)
	c.close(0)
}

// flush ends the passage of prose that is being filled.
func (c *cutter) flush() {
	if c.prose != nil {
		c.prose.flush()
		c.prose = nil
	}
}

// bare says whether nothing stands under a heading of a level, not even a deeper
// heading, when this follows.
func bare(records []Record, places []span, level int) bool {
	for i, r := range records {
		if places[i].start < places[i].end {
			return r.Kind == Heading && max(1, r.Level) <= level
		}
	}
	return true
}

// heading opens a section.
func (c *cutter) heading(r Record, at span) {
	level := max(1, r.Level)
	c.leave(level)
	c.doc.Sections = append(c.doc.Sections, Section{
		Parent: c.section, Title: line(r.Text), Level: level,
		Start: at.start, First: len(c.doc.Passages),
	})
	c.section = len(c.doc.Sections) - 1
	c.lead = c.path(c.section)
}

// leave closes the sections that cannot hold a heading of this level.
func (c *cutter) leave(level int) {
	for c.section > 0 && c.doc.Sections[c.section].Level >= level {
		c.close(c.section)
		c.section = c.doc.Sections[c.section].Parent
	}
}

func (c *cutter) close(section int) {
	c.doc.Sections[section].Past = len(c.doc.Passages)
	c.doc.Sections[section].End = c.reached
}

const (
	maxPath = 6   // titles of a lead
	maxLead = 512 // bytes of one
)

// path is what stands before every passage of a section: the titles above it,
// from the outside in. Where they would take more than a quarter of a passage,
// the outer ones are left out, then all.
func (c *cutter) path(section int) string {
	var titles []string
	for s := section; s >= 0 && len(titles) < maxPath; s = c.doc.Sections[s].Parent {
		if t := c.doc.Sections[s].Title; t != "" {
			titles = append([]string{t}, titles...)
		}
	}
	for ; len(titles) > 0; titles = titles[1:] {
		if lead := strings.Join(titles, " › "); len(lead) <= maxLead && c.count(lead) <= c.limits.Cap/4 {
			return lead
		}
	}
	return ""
}

// table is a block whose later passages begin with the names of the columns,
// where the table has a line of them that is not too long.
func (c *cutter) table(at span) *block {
	names, _, more := strings.Cut(c.doc.Text[at.start:at.end], "\n")
	names = strings.TrimSpace(names)
	if more && len(names) <= maxLead {
		if again := together(c.lead, names); c.count(again) <= c.limits.Cap/2 {
			return c.block(Table, at, c.lead, again)
		}
	}
	return c.block(Table, at, c.lead, "")
}
