package parse

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// readHTML reads a page by its tokens, in one pass and without a tree: a tree of
// hostile markup costs far more than the markup, and what is asked here, which
// text is seen and what kind of block it stands in, takes the open elements only.
func readHTML(j *job, b []byte) error {
	return j.html(j.htmlText(b), Record{}, false)
}

var metaCharset = regexp.MustCompile(`(?i)<meta[^>]{0,200}?charset\s*=\s*["']?([a-z0-9_:.-]{1,40})`)

// htmlText decodes a page: by its mark, as UTF-8 if it is, as it says otherwise.
func (j *job) htmlText(b []byte) string {
	if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
		if s, ok := decodeText(b); ok {
			return s
		}
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if m := metaCharset.FindSubmatch(b[:min(len(b), 4096)]); m != nil && !utf8.Valid(b) {
		return j.decodeAs(b, string(m[1]))
	}
	return j.decodeAs(b, "")
}

// page is a page of HTML that is being read.
type page struct {
	j      *job
	z      *html.Tokenizer
	as     Record // what its records share
	xml    bool   // it is XHTML: <p/> is empty
	rules  css
	styled bool // style sheets decide colours, which are then no sign
	stack  []element
	over   int // how many open elements are too deep to be kept
	text   strings.Builder
	unseen strings.Builder
	tables []*htmlTable
}

type element struct {
	name    string
	hidden  bool // it, or one it lies in
	ground  bool // it, or one it lies in, has a background
	pre     bool // in it, blanks count
	foreign bool // of SVG or MathML, where <a/> is empty
}

type htmlTable struct {
	grid   *grid
	row    []string
	cell   strings.Builder
	inCell bool
	layout bool // it arranges a page: its cells are no cells
	size   int
}

func (j *job) html(text string, as Record, xhtml bool) error {
	p := &page{j: j, z: html.NewTokenizer(strings.NewReader(text)), as: as, xml: xhtml, rules: make(css)}
	p.z.SetMaxBuf(maxToken)
	for {
		kind := p.z.Next()
		if err := j.step(len(p.z.Raw())); err != nil {
			return err
		}
		var err error
		switch kind {
		case html.ErrorToken:
			if err := p.finish(); err != nil {
				return err
			}
			if p.z.Err() != io.EOF {
				return j.stop(TokenTooLong)
			}
			return nil
		case html.TextToken:
			p.write(string(p.z.Text()))
		case html.CommentToken:
			if c := strings.TrimSpace(string(p.z.Text())); c != "" && !strings.HasPrefix(c, "?xml") {
				p.unseen.WriteString(c + "\n")
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			err = p.start(kind == html.SelfClosingTagToken)
		case html.EndTagToken:
			name, _ := p.z.TagName()
			err = p.end(string(name))
		}
		if err != nil {
			return err
		}
	}
}

// The elements that are told apart. A block ends the paragraph before it.
const (
	blocks = " address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 " +
		"head header hr html legend li main menu nav ol option p pre section select summary table tbody td textarea tfoot th thead title tr ul xmp "
	voids   = " area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr "
	instead = " annotation annotation-xml applet audio canvas object template video " // shown only where something else is not
)

func among(list, name string) bool {
	return !strings.Contains(name, " ") && strings.Contains(list, " "+name+" ")
}

func (p *page) start(closed bool) error {
	tag, more := p.z.TagName()
	e := element{name: string(tag)}
	if k := len(p.stack); k > 0 {
		e = p.stack[k-1]
		e.name = string(tag)
	}
	var role, rel string
	var id, class, inline string
	for n := 0; more; n++ {
		var key, value []byte
		key, value, more = p.z.TagAttr()
		if n > 256 {
			continue
		}
		switch string(key) {
		case "id":
			id = string(value)
		case "class":
			class = string(value)
		case "style":
			inline = string(value)
		case "hidden":
			e.hidden = true
		case "role":
			role = string(value)
		case "rel":
			rel = strings.ToLower(string(value))
		case "bgcolor", "background":
			e.ground = true
		}
	}
	e.pre = e.pre || e.name == "pre" || e.name == "textarea" || e.name == "xmp"
	e.foreign = e.foreign || e.name == "svg" || e.name == "math"
	look := lookOf(inline)
	e.ground = e.ground || look.ground
	e.hidden = e.hidden || look.hidden || among(instead, e.name) || p.rules.hides(e.name, id, class) || look.white && !e.ground && !p.styled
	switch e.name {
	case "script", "style", "noscript", "iframe", "noembed", "noframes": // the tokenizer gives what is in them as one text
		if closed && p.xml {
			p.z.NextIsNotRawText()
			return nil
		}
		return p.drop(e.name)
	case "link":
		p.styled = p.styled || strings.Contains(rel, "stylesheet")
	case "br":
		p.write("\n")
		return nil
	}
	if among(blocks, e.name) {
		if err := p.implied(e.name); err != nil {
			return err
		}
		if err := p.flush(); err != nil {
			return err
		}
	}
	if among(voids, e.name) || closed && (p.xml || e.foreign) {
		if p.xml && closed {
			p.z.NextIsNotRawText()
		}
		return nil
	}
	if len(p.stack) >= p.j.lim.Nesting {
		p.over++
		p.j.cut(TooNested)
		return nil
	}
	p.stack = append(p.stack, e)
	return p.open(e, role)
}

// open is what tables do where they begin.
func (p *page) open(e element, role string) error {
	k := len(p.tables) - 1
	switch e.name {
	case "table":
		if k >= 0 && p.tables[k].inCell { // what holds tables arranges a page
			if err := p.tables[k].spread(p); err != nil {
				return err
			}
		}
		as := p.as
		if e.hidden {
			as.Flags |= Hidden
		}
		p.tables = append(p.tables, &htmlTable{grid: &grid{j: p.j, as: as}, layout: role == "presentation" || role == "none"})
	case "td", "th":
		if k >= 0 {
			p.tables[k].inCell = true
		}
	case "h1", "h2", "h3", "h4", "h5", "h6":
		if k >= 0 && p.tables[k].inCell {
			return p.tables[k].spread(p)
		}
	}
	return nil
}

// spread turns a table into the paragraphs it arranges.
func (t *htmlTable) spread(p *page) error {
	if t.layout {
		return nil
	}
	t.layout = true
	if err := t.grid.flush(); err != nil {
		return err
	}
	row := t.row
	t.row = nil
	for _, text := range append(row, t.cell.String()) {
		r := t.grid.as
		r.Raw = text
		if err := p.j.emit(r); err != nil {
			return err
		}
	}
	t.cell.Reset()
	return nil
}

// drop passes over an element whose text is not for readers. Of style sheets,
// what they hide is kept.
func (p *page) drop(name string) error {
	for {
		kind := p.z.Next()
		if err := p.j.step(len(p.z.Raw())); err != nil {
			return err
		}
		switch {
		case kind == html.TextToken && name == "style":
			p.styled = true
			p.rules.read(string(p.z.Raw()))
		case kind == html.ErrorToken, kind == html.EndTagToken:
			return nil // the loop outside meets an error again
		}
	}
}

// implied closes what the beginning of name ends without saying so.
func (p *page) implied(name string) error {
	ends, within := "", " table "
	switch name {
	case "li":
		ends, within = " li ", " ul ol menu dir table "
	case "dt", "dd":
		ends, within = " dt dd ", " dl table "
	case "option":
		ends, within = " option ", " select "
	case "td", "th":
		ends, within = " td th ", " table tr "
	case "tr":
		ends = " tr "
	case "tbody", "thead", "tfoot":
		ends = " tbody thead tfoot "
	case "body":
		ends = " head "
	default:
		ends, within = " p ", " td th li dd div section article blockquote table button "
	}
	for i := len(p.stack) - 1; i >= 0; i-- {
		switch n := p.stack[i].name; {
		case among(ends, n):
			return p.pop(i)
		case among(within, n):
			return nil
		}
	}
	return nil
}

func (p *page) end(name string) error {
	if p.over > 0 && !among(voids, name) {
		p.over--
		return nil
	}
	if name == "p" || name == "br" {
		if err := p.flush(); err != nil {
			return err
		}
	}
	p.j.res.Steps += int64(len(p.stack))
	for i := len(p.stack) - 1; i >= 0; i-- {
		n := p.stack[i].name
		if n == name {
			return p.pop(i)
		}
		if among(" td th table ", n) && !among(" td th tr tbody thead tfoot table body html ", name) {
			return nil // what began outside a cell is not closed in it
		}
	}
	return nil
}

// pop closes the open elements down to the one at i.
func (p *page) pop(i int) error {
	for k := len(p.stack) - 1; k >= i; k-- {
		name := p.stack[k].name
		if among(blocks, name) {
			if err := p.flush(); err != nil {
				return err
			}
		}
		p.stack = p.stack[:k]
		if len(p.tables) == 0 {
			continue
		}
		t := p.tables[len(p.tables)-1]
		switch name {
		case "td", "th":
			t.endCell(p)
		case "tr", "table":
			if err := t.endRow(); err != nil {
				return err
			}
			if name == "table" {
				p.tables = p.tables[:len(p.tables)-1]
				if err := t.grid.flush(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (t *htmlTable) endCell(p *page) {
	t.inCell = false
	if t.layout {
		return
	}
	text := t.cell.String()
	t.cell.Reset()
	if t.size += len(text); t.size > maxRow || len(t.row) >= maxColumns {
		p.j.cut(TokenTooLong)
		return
	}
	t.row = append(t.row, text)
}

func (t *htmlTable) endRow() error {
	row := t.row
	t.row, t.size = nil, 0
	return t.grid.add(row, 0)
}

// write adds text; blanks are folded as a browser does, except in pre.
func (p *page) write(s string) {
	var in element
	if k := len(p.stack); k > 0 {
		in = p.stack[k-1]
	}
	b := &p.text
	if in.hidden {
		b = &p.unseen
	}
	if s == "\n" || in.pre {
		b.WriteString(s)
		return
	}
	blank := b.Len() == 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\n', '\t', '\r', '\f':
			if !blank {
				b.WriteByte(' ')
			}
			blank = true
		default:
			b.WriteByte(c)
			blank = false
		}
	}
}

// flush ends a block: what stands in it becomes a record, or part of a cell.
func (p *page) flush() error {
	text, unseen := p.text.String(), p.unseen.String()
	p.text.Reset()
	p.unseen.Reset()
	if unseen != "" {
		r := p.as
		r.Flags |= Hidden
		r.Raw = unseen
		if err := p.j.emit(r); err != nil {
			return err
		}
	}
	if strings.TrimSpace(text) == "" {
		return nil
	}
	if k := len(p.tables) - 1; k >= 0 && p.tables[k].inCell && !p.tables[k].layout {
		t := p.tables[k]
		t.cell.WriteString(text + "\n")
		if t.cell.Len() > maxText { // no cell is that long
			return t.spread(p)
		}
		return nil
	}
	r := p.as
	r.Raw = text
	depth := 0
	for i := len(p.stack) - 1; i >= 0; i-- {
		switch name := p.stack[i].name; name {
		case "h1", "h2", "h3", "h4", "h5", "h6":
			if r.Kind == Para {
				r.Kind, r.Level = Heading, int(name[1]-'0')
			}
		case "title":
			r.Kind, r.Level = Heading, 1
		case "pre", "xmp":
			r.Kind = Code
		case "figcaption", "caption":
			r.Kind = Caption
		case "li", "dd", "dt":
			r.Flags |= List
		case "ul", "ol", "dl":
			depth++
		}
	}
	if r.Flags&List != 0 && r.Kind == Para {
		r.Level = max(depth, 1)
	}
	return p.j.emit(r)
}

func (p *page) finish() error {
	if err := p.flush(); err != nil {
		return err
	}
	return p.pop(0)
}
