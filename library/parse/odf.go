package parse

import (
	"encoding/xml"
	"strings"
)

// readODF reads OpenDocument texts, sheets and slides, which are one language.
func readODF(j *job, b []byte) error {
	z, err := j.unpack(b)
	if err != nil {
		return err
	}
	if r, err := j.open(z, "META-INF/manifest.xml"); err != nil {
		return err
	} else if r != nil {
		w := j.walk(r)
		for w.next() {
			if t, ok := w.tok.(xml.StartElement); ok && t.Name.Local == "encryption-data" {
				return refuse(Encrypted)
			}
		}
		if w.err != nil {
			return w.err
		}
	}
	o := &odf{j: j, unseen: make(map[string]bool)}
	for _, pass := range []struct {
		part  string
		flags Flags
		mute  bool // only styles are of interest
	}{{"styles.xml", 0, true}, {"content.xml", 0, false}, {"styles.xml", Margin, false}} {
		r, err := j.open(z, pass.part)
		if err != nil {
			return err
		}
		if r == nil && pass.part == "content.xml" {
			return refuse(Damaged)
		}
		if r == nil {
			continue
		}
		o.flags, o.mute, o.w = pass.flags, pass.mute, j.walk(r)
		if err := o.read(); err != nil {
			return err
		}
		j.page = 0
	}
	return nil
}

// maxRepeats is how often a row or cell is shown that says it is there many
// times over.
const maxRepeats = 64

// odf reads one part of an OpenDocument.
type odf struct {
	j      *job
	w      *walker
	flags  Flags
	mute   bool
	unseen map[string]bool // styles whose text is not shown
	style  string          // the one that is being defined
	blocks []*odfBlock
	tables []*odfTable
	hide   int // from this depth on, all is hidden; 0 if nothing is
	note   int // likewise: it is a note
	title  int // likewise: it is a slide's title
	list   int // how many lists are open
	pages  int
}

// odfBlock is a paragraph that is open; notes and frames lie within one.
type odfBlock struct {
	as           Record
	text, unseen builder
	hidden       bool
	tables       int // how many tables were open
}

type odfTable struct {
	shown, unseen *grid
	row, apart    []string
	cell          builder
	size          int // of the row
	rowN, cellN   int // how often it is repeated
	hiddenRow     bool
	columns       []bool // hidden ones
}

func (o *odf) read() error {
	for o.w.next() {
		var err error
		switch t := o.w.tok.(type) {
		case xml.StartElement:
			err = o.start(t)
		case xml.EndElement:
			err = o.end(t.Name.Local)
		case xml.CharData:
			o.write(strings.Map(func(r rune) rune {
				if r == '\n' || r == '\r' || r == '\t' {
					return ' '
				}
				return r
			}, string(t)))
		}
		if err != nil {
			return err
		}
	}
	if o.w.err != nil { // what stood before the damage is kept
		for len(o.blocks) > 0 {
			if err := o.endBlock(); err != nil {
				return err
			}
		}
		for len(o.tables) > 0 {
			if err := o.endTable(); err != nil {
				return err
			}
		}
	}
	return o.w.err
}

func (o *odf) begin(depth *int) {
	if *depth == 0 {
		*depth = len(o.w.open)
	}
}

func (o *odf) start(t xml.StartElement) error {
	if o.define(t) || o.mute {
		return nil
	}
	if style := attr(t, "style-name"); style != "" && o.unseen[style] {
		o.begin(&o.hide)
	}
	switch t.Name.Local {
	case "tracked-changes", "note-citation", "ruby-text", "creator", "date", "creator-initials", "sender-initials", "forms", "scripts", "desc":
		o.w.skip()
	case "p", "h":
		b := &odfBlock{as: Record{Page: o.j.page, Flags: o.flags}, tables: len(o.tables)}
		switch {
		case o.note > 0:
			b.as.Flags |= Note
		case t.Name.Local == "h":
			b.as.Kind, b.as.Level = Heading, max(1, number(attr(t, "outline-level"), 10))
		case o.title > 0:
			b.as.Kind, b.as.Level = Heading, 1
		case o.list > 0:
			b.as.Flags |= List
			b.as.Level = o.list
		}
		o.blocks = append(o.blocks, b)
	case "s":
		o.write(strings.Repeat(" ", max(1, number(attr(t, "c"), 100))))
	case "tab":
		o.write("\t")
	case "line-break":
		o.write("\n")
	case "list":
		o.list++
	case "note-body", "annotation", "notes":
		o.begin(&o.note)
	case "frame":
		if c := attrOf(t, "presentation", "class"); c == "title" {
			o.begin(&o.title)
		}
	case "section":
		if attr(t, "display") == "none" {
			o.begin(&o.hide)
		}
	case "hidden-text":
		if k := len(o.blocks); k > 0 {
			o.blocks[k-1].unseen.WriteString(attr(t, "string-value"))
		}
		o.begin(&o.hide)
	case "hidden-paragraph":
		if k := len(o.blocks); k > 0 && attr(t, "is-hidden") != "false" {
			o.blocks[k-1].hidden = true
		}
	case "page":
		o.pages++
		return o.j.turn(o.pages)
	default:
		return o.startTable(t)
	}
	return nil
}

// define reads what styles say that hides their text.
func (o *odf) define(t xml.StartElement) bool {
	switch t.Name.Local {
	case "style":
		o.style = attr(t, "name")
	case "text-properties", "table-properties":
		if d := attr(t, "display"); o.style != "" && (d == "none" || d == "false") {
			o.unseen[o.style] = true
		}
	default:
		return false
	}
	return true
}

func (o *odf) startTable(t xml.StartElement) error {
	if t.Name.Local == "table" {
		flags := o.flags
		if o.hide > 0 {
			flags |= Hidden
		}
		if o.j.res.Format == ODS && len(o.tables) == 0 {
			o.pages++
			if err := o.j.turn(o.pages); err != nil {
				return err
			}
			if err := o.j.emit(Record{Kind: Heading, Level: 1, Flags: flags, Raw: attr(t, "name")}); err != nil {
				return err
			}
		}
		o.tables = append(o.tables, &odfTable{
			shown:  &grid{j: o.j, as: Record{Page: o.j.page, Flags: flags}},
			unseen: &grid{j: o.j, as: Record{Page: o.j.page, Flags: flags | Hidden}},
		})
		return nil
	}
	if len(o.tables) == 0 {
		return nil
	}
	table := o.tables[len(o.tables)-1]
	gone := attr(t, "visibility") == "collapse" || attr(t, "visibility") == "filter"
	switch t.Name.Local {
	case "table-column":
		for range max(1, number(attr(t, "number-columns-repeated"), maxColumns)) {
			if len(table.columns) < maxColumns {
				table.columns = append(table.columns, gone)
			}
		}
	case "table-row":
		table.row, table.apart, table.size = table.row[:0], table.apart[:0], 0
		table.hiddenRow = gone
		table.rowN = max(1, number(attr(t, "number-rows-repeated"), 1<<20))
	case "table-cell", "covered-table-cell":
		table.cell.Reset()
		table.cellN = max(1, number(attr(t, "number-columns-repeated"), 1<<14))
	}
	return nil
}

func (o *odf) write(s string) {
	if len(o.blocks) == 0 || o.mute {
		return
	}
	b := o.blocks[len(o.blocks)-1]
	if o.hide > 0 {
		b.unseen.WriteString(s)
		return
	}
	b.text.WriteString(s)
}

func (o *odf) end(name string) error {
	if name == "style" {
		o.style = ""
	}
	if o.mute {
		return nil
	}
	var err error
	switch name {
	case "p", "h":
		if len(o.blocks) > 0 {
			err = o.endBlock()
		}
	case "list":
		o.list = max(0, o.list-1)
	case "table":
		if len(o.tables) > 0 {
			err = o.endTable()
		}
	case "table-row":
		if len(o.tables) > 0 {
			err = o.endRow(o.tables[len(o.tables)-1])
		}
	case "table-cell", "covered-table-cell":
		if len(o.tables) > 0 {
			o.endCell(o.tables[len(o.tables)-1])
		}
	}
	for _, depth := range []*int{&o.hide, &o.note, &o.title} {
		if len(o.w.open) < *depth {
			*depth = 0
		}
	}
	return err
}

func (o *odf) endBlock() error {
	k := len(o.blocks) - 1
	b := o.blocks[k]
	o.blocks = o.blocks[:k]
	unseen := b.as
	unseen.Flags |= Hidden
	unseen.Raw = o.j.take(&b.unseen)
	if k := len(o.tables); k > 0 && b.as.Flags&Note == 0 && b.tables == k {
		t := o.tables[k-1]
		if t.shown.as.Flags&Hidden != 0 { // all of the table is
			t.cell.WriteString(unseen.Raw)
			unseen.Raw = ""
		}
		t.cell.WriteString(o.j.take(&b.text) + "\n")
		return o.j.emit(unseen)
	}
	b.as.Raw = o.j.take(&b.text)
	if b.hidden {
		b.as.Flags |= Hidden
	}
	if err := o.j.emit(b.as); err != nil {
		return err
	}
	return o.j.emit(unseen)
}

// endCell puts a cell into its row, as often as it says, within reason.
func (o *odf) endCell(t *odfTable) {
	text := strings.TrimSpace(o.j.take(&t.cell))
	n := t.cellN
	t.cellN = 1
	if text != "" && n > maxRepeats {
		o.j.cut(Repeated)
		n = maxRepeats
	}
	for range n {
		column := len(t.row) + len(t.apart)
		if column >= maxColumns && text == "" {
			return
		}
		if t.size += len(text) + 1; t.size > maxRow {
			o.j.cut(TokenTooLong)
			return
		}
		if t.hiddenRow || column < len(t.columns) && t.columns[column] {
			t.apart = append(t.apart, text)
		} else {
			t.row = append(t.row, text)
		}
	}
}

func (o *odf) endRow(t *odfTable) error {
	n := t.rowN
	t.rowN = 1
	if n > maxRepeats {
		if cells(append(append([]string(nil), t.row...), t.apart...)) != "" {
			o.j.cut(Repeated)
		}
		n = maxRepeats
	}
	for range n {
		if err := t.shown.add(t.row, 0); err != nil {
			return err
		}
		if err := t.unseen.add(t.apart, 0); err != nil {
			return err
		}
	}
	t.row, t.apart = t.row[:0], t.apart[:0]
	return nil
}

func (o *odf) endTable() error {
	k := len(o.tables) - 1
	t := o.tables[k]
	o.tables = o.tables[:k]
	if err := o.endRow(t); err != nil {
		return err
	}
	if k > 0 { // a table in a cell: its rows become lines of the cell
		o.tables[k-1].cell.WriteString(strings.Join(t.shown.group, "\n") + "\n")
		return t.unseen.flush()
	}
	if err := t.shown.flush(); err != nil {
		return err
	}
	return t.unseen.flush()
}
