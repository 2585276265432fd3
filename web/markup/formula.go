package markup

import (
	"bytes"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// formula is mathematics between the signs that models write: $…$, $$…$$, \(…\)
// and \[…\]. It is shown as it was written, so that no sign of it is taken for
// Markdown.
type formula struct {
	ast.BaseInline
	text []byte
}

var kindFormula = ast.NewNodeKind("Formula")

func (*formula) Kind() ast.NodeKind              { return kindFormula }
func (f *formula) Dump(source []byte, level int) { ast.DumpHelper(f, source, level, nil, nil) }

// formulas is their parser.
type formulas struct{}

func (formulas) Trigger() []byte { return []byte{'$', '\\'} }

// signs are what begins a formula and what ends it, the longest first.
var signs = []struct{ begin, end string }{{"$$", "$$"}, {"$", "$"}, {`\(`, `\)`}, {`\[`, `\]`}}

// unclosed remembers up to where no formula ends, by sign: without it a text of
// many beginnings would be searched through for each.
var unclosed = parser.NewContextKey()

func (formulas) Parse(_ ast.Node, block text.Reader, pc parser.Context) ast.Node {
	line, at := block.PeekLine()
	for i, s := range signs {
		if !bytes.HasPrefix(line, []byte(s.begin)) {
			continue
		}
		until, _ := pc.Get(unclosed).(*[4]int)
		if until == nil {
			until = new([4]int)
			pc.Set(unclosed, until)
		}
		if at.Start < until[i] {
			return nil
		}
		return within(block, i, until)
	}
	return nil
}

// within takes a formula that begins here with sign i. A single dollar is a sign
// of money unless both of them touch what is between, on one line.
func within(block text.Reader, i int, until *[4]int) ast.Node {
	s := signs[i]
	money := s.begin == "$"
	l, pos := block.Position()
	var written []byte
	skip := len(s.begin)
	for {
		line, at := block.PeekLine()
		if line == nil {
			break
		}
		from := line[skip:]
		end := bytes.Index(from, []byte(s.end))
		if money {
			end = closingDollar(from)
		}
		if end >= 0 {
			block.Advance(skip + end + len(s.end))
			return &formula{text: append(written, line[:skip+end+len(s.end)]...)}
		}
		if money {
			block.SetPosition(l, pos)
			return nil
		}
		written = append(written, line...)
		until[i] = max(until[i], at.Stop)
		block.AdvanceLine()
		skip = 0
	}
	block.SetPosition(l, pos)
	return nil
}

// closingDollar finds the dollar that ends a formula, -1 where there is none.
func closingDollar(b []byte) int {
	end := bytes.IndexByte(b, '$')
	if end <= 0 || b[0] == ' ' || b[end-1] == ' ' || b[end-1] == '\\' || bytes.IndexByte(b[:end], '`') >= 0 {
		return -1
	}
	if end+1 < len(b) && (b[end+1] >= '0' && b[end+1] <= '9' || b[end+1] == '$') {
		return -1
	}
	return end
}
