package markup

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/util"
)

// deepestInline bounds emphasis in emphasis: a page nests no further either.
const deepestInline = 12

// walker makes events of a parsed text.
type walker struct {
	document
	list   []event
	text   strings.Builder // that follows the last event
	inline int             // elements of a line that are open
	cell   bool            // within one of a table
	spent  int             // bytes of code that were coloured
	maths  int             // bytes of formulas
}

func walk(d document) []event {
	w := walker{document: d}
	w.children(d.root)
	w.flush()
	return w.list
}

func (w *walker) flush() {
	w.list = plus(w.list, event{kind: said, text: w.text.String()})
	w.text.Reset()
}

func (w *walker) open(tag, class string) {
	w.flush()
	w.list = append(w.list, opening(tag, class))
}

func (w *walker) close() {
	w.flush()
	w.list = append(w.list, event{kind: closed})
}

func (w *walker) say(b []byte) { w.text.Write(b) }

func (w *walker) children(n ast.Node) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		w.node(c)
	}
}

// in puts a node's children into an element.
func (w *walker) in(tag, class string, n ast.Node) {
	w.open(tag, class)
	w.children(n)
	w.close()
}

// inLine is in for elements of a line.
func (w *walker) inLine(tag, class string, n ast.Node) {
	if w.inline >= deepestInline {
		w.children(n)
		return
	}
	w.inline++
	w.in(tag, class, n)
	w.inline--
}

// node writes one node. One that is not known here is passed over, and what is in
// it is written.
func (w *walker) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.Paragraph:
		w.in("p", "", n)
	case *ast.TextBlock:
		w.children(n)
		if n.NextSibling() != nil { // a list follows on a line of its own
			w.say([]byte("\n"))
		}
	case *ast.Heading:
		w.in([]string{"h3", "h4", "h5", "h6"}[min(max(n.Level, 1), 4)-1], "", n)
	case *ast.List:
		w.itemize(n)
	case *ast.ListItem:
		w.in("li", "", n)
	case *ast.Blockquote:
		w.in("blockquote", "", n)
	case *ast.ThematicBreak:
		w.open("hr", "")
		w.close()
	case *ast.CodeBlock:
		w.code(n, "")
	case *ast.FencedCodeBlock:
		w.code(n, called(n.Language(w.source)))
	case *east.Table:
		w.table(n)
	default:
		w.ofLine(n)
	}
}

func (w *walker) ofLine(n ast.Node) {
	switch n := n.(type) {
	case *ast.Text:
		w.say(meant(n.Segment.Value(w.source)))
		if n.HardLineBreak() {
			w.open("br", "")
			w.close()
		} else if n.SoftLineBreak() {
			w.say([]byte("\n"))
		}
	case *ast.String:
		w.say([]byte(Clean(string(n.Value))))
	case *ast.Emphasis:
		tag := "em"
		if n.Level > 1 {
			tag = "strong"
		}
		w.inLine(tag, "", n)
	case *east.Strikethrough:
		w.inLine("del", "", n)
	case *ast.CodeSpan:
		w.open("code", "")
		for c := n.FirstChild(); c != nil; c = c.NextSibling() {
			if t, ok := c.(*ast.Text); ok {
				b := bytes.ReplaceAll(t.Segment.Value(w.source), []byte("\n"), []byte(" "))
				if w.cell { // goldmark's own way compares each code with each such sign of the text
					b = bytes.ReplaceAll(b, []byte(`\|`), []byte("|"))
				}
				w.say(b)
			}
		}
		w.close()
	case *formula:
		w.formula(n.text)
	case *ast.Link:
		w.inLine("span", "link", n)
		w.address(n.Destination)
	case *ast.Image:
		w.inLine("span", "image", n)
		w.address(n.Destination)
	case *ast.AutoLink:
		w.open("span", "address")
		w.say(n.Label(w.source))
		w.close()
	case *east.TaskCheckBox:
		sign := "☐ "
		if n.IsChecked {
			sign = "☑ "
		}
		w.open("span", "task")
		w.say([]byte(sign))
		w.close()
	default:
		w.children(n)
	}
}

// formula draws one, or shows it as it was written.
func (w *walker) formula(written []byte) {
	w.maths += len(written)
	var a *glyph
	if w.maths <= mostMaths {
		a = drawn(string(written))
	}
	if a == nil {
		w.open("code", "math")
		w.say(written)
		w.close()
		return
	}
	w.draw(a)
}

func (w *walker) draw(a *glyph) {
	w.open(a.tag, a.class)
	w.say([]byte(a.text))
	for _, part := range a.parts {
		w.draw(part)
	}
	w.close()
}

// address shows where a link would have led. All of it is seen, and none of it
// can be followed.
func (w *walker) address(to []byte) {
	if len(to) == 0 {
		return
	}
	w.open("span", "address")
	w.say([]byte(" ("))
	w.say(meant(to))
	w.say([]byte(")"))
	w.close()
}

func (w *walker) itemize(n *ast.List) {
	if !n.IsOrdered() {
		w.in("ul", "", n)
		return
	}
	w.open("ol", "")
	if n.Start != 1 {
		w.list[len(w.list)-1].element.start = strconv.Itoa(n.Start)
	}
	w.children(n)
	w.close()
}

func (w *walker) code(n ast.Node, language string) {
	w.open("div", "code")
	if language != "" {
		w.open("span", "language")
		w.say([]byte(language))
		w.close()
	}
	w.open("pre", "")
	w.open("code", "")
	var code bytes.Buffer
	last := n.Lines().Len() - 1
	for i := range last + 1 {
		line := n.Lines().At(i)
		b := line.Value(w.source)
		if i == last {
			b = bytes.TrimSuffix(b, []byte("\n")) // it may not have been written yet
		}
		code.Write(b)
	}
	for _, x := range w.coloured(n, language, code.Bytes()) {
		if x.class == "" {
			w.say(x.text)
			continue
		}
		w.open("span", x.class)
		w.say(x.text)
		w.close()
	}
	w.close()
	w.close()
	w.close()
}

// coloured takes a block of code apart that is whole, of a known language and not
// too long.
func (w *walker) coloured(n ast.Node, language string, code []byte) []piece {
	l := languages[strings.ToLower(language)]
	_, closed := n.Attribute(fenceClosed)
	if l == nil || !closed {
		return []piece{{"", code}}
	}
	if w.spent += len(code); len(code) > mostColour || w.spent > mostColoured {
		return []piece{{"", code}}
	}
	return l.colour(code)
}

// called is the name of a language as it may stand over code: short and plain.
func called(b []byte) string {
	if len(b) == 0 || len(b) > 24 || strings.Trim(strings.ToLower(string(b)), "abcdefghijklmnopqrstuvwxyz0123456789+#.-_") != "" {
		return ""
	}
	return string(b)
}

func (w *walker) table(n *east.Table) {
	w.open("div", "table")
	w.open("table", "")
	body := false
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		cell := "td"
		if _, head := row.(*east.TableHeader); head {
			cell = "th"
			w.open("thead", "")
		} else if !body {
			body = true
			w.open("tbody", "")
		}
		w.open("tr", "")
		for c := row.FirstChild(); c != nil; c = c.NextSibling() {
			w.cell = true
			w.in(cell, side(c), c)
			w.cell = false
		}
		w.close()
		if cell == "th" {
			w.close()
		}
	}
	if body {
		w.close()
	}
	w.close()
	w.close()
}

// side is to which side a cell's text lies.
func side(n ast.Node) string {
	if c, ok := n.(*east.TableCell); ok {
		switch c.Alignment {
		case east.AlignLeft:
			return "left"
		case east.AlignCenter:
			return "center"
		case east.AlignRight:
			return "right"
		}
	}
	return ""
}

// meant gives what a piece of Markdown says: without its backslashes, and with
// the characters that entities stand for, which may be strange ones again.
func meant(b []byte) []byte {
	if bytes.IndexByte(b, '\\') < 0 && bytes.IndexByte(b, '&') < 0 {
		return b
	}
	var out []byte
	for len(b) > 0 {
		i := bytes.IndexAny(b, `\&`)
		if i < 0 {
			break
		}
		out = append(out, b[:i]...)
		b = b[i:]
		switch {
		case b[0] == '\\' && len(b) > 1 && util.IsPunct(b[1]):
			out, b = append(out, b[1]), b[2:]
		case b[0] == '&':
			n := entity(b)
			whole := util.ResolveEntityNames(util.ResolveNumericReferences(b[:n]))
			out, b = append(out, Clean(string(whole))...), b[n:]
		default:
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(out, b...)
}

// longestEntity is that of HTML's: &CounterClockwiseContourIntegral;
const longestEntity = 34

// entity is how long the one at the beginning of b is, 1 where there is none.
func entity(b []byte) int {
	end := bytes.IndexByte(b[:min(len(b), longestEntity)], ';')
	if end < 2 {
		return 1
	}
	return end + 1
}
