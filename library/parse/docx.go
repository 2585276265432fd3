package parse

import (
	"encoding/xml"
	"slices"
	"strings"
)

// readDOCX reads a text of Word: its body, then notes, comments, headers and
// footers. What was deleted is dropped, the codes of fields are, their results
// are kept.
func readDOCX(j *job, b []byte) error {
	z, err := j.unpack(b)
	if err != nil {
		return err
	}
	styles, err := j.docxStyles(z)
	if err != nil {
		return err
	}
	j.page = 1
	if err := j.docxPart(z, "word/document.xml", styles, 0); err != nil {
		return err
	}
	j.page = 0
	for _, part := range []string{"word/footnotes.xml", "word/endnotes.xml", "word/comments.xml"} {
		if err := j.docxPart(z, part, styles, Note); err != nil {
			return err
		}
	}
	var margins []string
	for name := range z {
		if strings.HasPrefix(name, "word/header") || strings.HasPrefix(name, "word/footer") {
			margins = append(margins, name)
		}
	}
	slices.Sort(margins)
	for _, part := range margins {
		if err := j.docxPart(z, part, styles, Margin); err != nil {
			return err
		}
	}
	return nil
}

// docxStyle is what a style says of the text that has it.
type docxStyle struct {
	base    string
	heading int
	caption bool
	hidden  bool
	list    bool
}

func (j *job) docxStyles(z files) (map[string]docxStyle, error) {
	styles := make(map[string]docxStyle)
	r, err := j.open(z, "word/styles.xml")
	if r == nil || err != nil {
		return styles, err
	}
	w := j.walk(r)
	id := ""
	for w.next() {
		t, ok := w.tok.(xml.StartElement)
		if !ok {
			continue
		}
		s := styles[id]
		switch t.Name.Local {
		case "style":
			id = attr(t, "styleId")
			continue
		case "name":
			s.named(attr(t, "val"))
		case "basedOn":
			s.base = attr(t, "val")
		case "outlineLvl":
			if n := number(attr(t, "val"), 9); n < 9 {
				s.heading = n + 1
			}
		case "vanish":
			s.hidden = on(t)
		case "numId":
			s.list = attr(t, "val") != "0"
		default:
			continue
		}
		if id != "" {
			styles[id] = s
		}
	}
	return styles, w.err
}

func (s *docxStyle) named(name string) {
	name = strings.ToLower(name)
	level, ok := strings.CutPrefix(name, "heading ")
	switch {
	case ok:
		s.heading = number(level, 9)
	case name == "title":
		s.heading = 1
	case name == "caption":
		s.caption = true
	}
}

// style is what a style means with those it is based on.
func style(styles map[string]docxStyle, id string) docxStyle {
	s := styles[id]
	for base, n := s.base, 0; base != "" && n < 10; n++ {
		b := styles[base]
		if s.heading == 0 {
			s.heading = b.heading
		}
		s.caption = s.caption || b.caption
		s.hidden = s.hidden || b.hidden
		s.list = s.list || b.list
		base = b.base
	}
	return s
}

// paragraph is a paragraph that is open. Text boxes lie in paragraphs and hold
// some themselves, so they are stacked.
type paragraph struct {
	style   docxStyle
	list    int
	shaded  bool
	text    builder
	unseen  builder
	element int // how many elements were open
	page    int // where its text begins
}

// docx reads one part of a Word document.
type docx struct {
	j      *job
	w      *walker
	styles map[string]docxStyle
	flags  Flags
	paras  []*paragraph
	tables []*table
	run    struct{ hidden, white, tiny, shaded, in bool }
	dark   bool // the page has a colour of its own
}

// table is a table that is open; a table in a cell becomes part of its text.
type table struct {
	grid   *grid
	row    []string
	cell   builder
	unseen []string
}

func (j *job) docxPart(z files, name string, styles map[string]docxStyle, flags Flags) error {
	r, err := j.open(z, name)
	if r == nil || err != nil {
		return err
	}
	d := &docx{j: j, w: j.walk(r), styles: styles, flags: flags}
	return d.read()
}

func (d *docx) read() error {
	for d.w.next() {
		var err error
		switch t := d.w.tok.(type) {
		case xml.StartElement:
			err = d.start(t)
		case xml.EndElement:
			err = d.end(t.Name.Local)
		}
		if err != nil {
			return err
		}
	}
	if d.w.err != nil { // what stood before the damage is kept
		for len(d.paras) > 0 {
			if err := d.endParagraph(); err != nil {
				return err
			}
		}
		for len(d.tables) > 0 {
			if err := d.endTable(); err != nil {
				return err
			}
		}
	}
	return d.w.err
}

func (d *docx) start(t xml.StartElement) error {
	switch t.Name.Local {
	case "del", "moveFrom", "instrText", "delText", "delInstrText", "Fallback", "sdtPr", "rPrChange", "pPrChange", "sectPr":
		d.w.skip()
	case "background":
		d.dark = true
	case "p":
		d.paras = append(d.paras, &paragraph{element: len(d.w.open)})
	case "tbl":
		d.tables = append(d.tables, &table{grid: &grid{j: d.j, as: Record{Page: d.j.page, Flags: d.flags}}})
	case "r":
		d.run = struct{ hidden, white, tiny, shaded, in bool }{in: true}
	case "lastRenderedPageBreak":
		return d.turn()
	case "br":
		if attr(t, "type") == "page" {
			return nil // where Word shows it, Word notes it as well
		}
		d.write("\n")
	case "cr":
		d.write("\n")
	case "tab":
		if d.run.in {
			d.write("\t")
		}
	case "noBreakHyphen":
		d.write("-")
	case "sym":
		d.write(" ")
	case "t":
		d.write(d.w.text())
	default:
		d.property(t)
	}
	return nil
}

// turn begins a page where Word noted that it did. An author's own breaks alone do
// not tell on which page something is.
func (d *docx) turn() error {
	if d.flags != 0 {
		return nil
	}
	return d.j.turn(d.j.page + 1)
}

// property takes what paragraphs and runs say about themselves.
func (d *docx) property(t xml.StartElement) {
	if len(d.paras) == 0 {
		return
	}
	p := d.paras[len(d.paras)-1]
	switch val := attr(t, "val"); t.Name.Local {
	case "pStyle":
		p.style = style(d.styles, val)
	case "rStyle":
		d.run.hidden = d.run.hidden || style(d.styles, val).hidden
	case "outlineLvl":
		if n := number(val, 9); n < 9 {
			p.style.heading = n + 1
		}
	case "ilvl":
		p.list = max(p.list, number(val, 8)+1)
	case "numId":
		if val != "0" {
			p.list = max(p.list, 1)
		}
	case "vanish":
		if d.run.in {
			d.run.hidden = on(t)
		}
	case "color":
		d.run.white = strings.EqualFold(val, "FFFFFF")
	case "sz":
		d.run.tiny = val != "" && number(val, 1000) < 4
	case "shd", "highlight":
		d.run.shaded = d.run.shaded || d.run.in
		p.shaded = p.shaded || !d.run.in
	}
}

// write adds text to the paragraph that is open. White is hidden only where
// nothing says that the ground is not white: a table or a box often does.
func (d *docx) write(s string) {
	if len(d.paras) == 0 || s == "" {
		return
	}
	p := d.paras[len(d.paras)-1]
	if p.page == 0 {
		p.page = d.j.page
	}
	white := d.run.white && !d.run.shaded && !p.shaded && !d.dark && len(d.paras) == 1 && len(d.tables) == 0
	if d.run.in && (d.run.hidden || d.run.tiny || white) || p.style.hidden {
		p.unseen.WriteString(s)
		return
	}
	p.text.WriteString(s)
}

func (d *docx) end(name string) error {
	switch name {
	case "r":
		d.run.in = false
	case "p":
		if k := len(d.paras); k > 0 && len(d.w.open) < d.paras[k-1].element {
			return d.endParagraph()
		}
	case "tc", "tr", "tbl":
		if len(d.tables) == 0 {
			return nil
		}
		t := d.tables[len(d.tables)-1]
		switch name {
		case "tc":
			t.row = append(t.row, d.j.take(&t.cell))
		case "tr":
			row := t.row
			t.row = nil
			return t.grid.add(row, 0)
		default:
			return d.endTable()
		}
	}
	return nil
}

func (d *docx) endParagraph() error {
	k := len(d.paras) - 1
	p := d.paras[k]
	d.paras = d.paras[:k]
	if k := len(d.tables); k > 0 {
		t := d.tables[k-1]
		t.cell.WriteString(d.j.take(&p.text) + "\n")
		if unseen := d.j.take(&p.unseen); unseen != "" {
			t.unseen = append(t.unseen, unseen)
		}
		return nil
	}
	r := Record{Page: p.page, Flags: d.flags, Raw: d.j.take(&p.text)}
	switch {
	case p.style.heading > 0:
		r.Kind, r.Level = Heading, p.style.heading
	case p.style.caption:
		r.Kind = Caption
	case p.list > 0 || p.style.list:
		r.Flags |= List
		r.Level = max(p.list, 1)
	}
	if err := d.j.emit(r); err != nil {
		return err
	}
	return d.j.emit(Record{Page: p.page, Flags: d.flags | Hidden, Raw: d.j.take(&p.unseen)})
}

func (d *docx) endTable() error {
	k := len(d.tables) - 1
	t := d.tables[k]
	d.tables = d.tables[:k]
	if rest := append(t.row, d.j.take(&t.cell)); len(rest) > 0 {
		if err := t.grid.add(rest, 0); err != nil {
			return err
		}
	}
	if k > 0 { // a table in a cell: its rows become lines of the cell
		outer := d.tables[k-1]
		outer.cell.WriteString(strings.Join(t.grid.group, "\n") + "\n")
		outer.unseen = append(outer.unseen, t.unseen...)
		return nil
	}
	if err := t.grid.flush(); err != nil {
		return err
	}
	return d.j.emit(Record{Flags: d.flags | Hidden, Raw: strings.Join(t.unseen, "\n")})
}
