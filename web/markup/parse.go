package markup

import (
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// deepest is how many lists and quotes may lie in each other. What is deeper is
// text: a parser's time grows with the depth, and so does a page's.
const deepest = 24

// document is a parsed text.
type document struct {
	root   ast.Node
	source []byte
}

// parse reads Markdown. There is no HTML in it, for that is text, and no
// reference to an address elsewhere in the text: so each part means the same
// whatever follows, and what is written is written.
func parse(source []byte) document {
	p := parser.NewParser(
		parser.WithBlockParsers(
			util.Prioritized(parser.NewSetextHeadingParser(), 100),
			util.Prioritized(parser.NewThematicBreakParser(), 200),
			util.Prioritized(shallow{parser.NewListParser()}, 300),
			util.Prioritized(parser.NewListItemParser(), 400),
			util.Prioritized(parser.NewCodeBlockParser(), 500),
			util.Prioritized(parser.NewATXHeadingParser(), 600),
			util.Prioritized(closing{parser.NewFencedCodeBlockParser()}, 700),
			util.Prioritized(shallow{parser.NewBlockquoteParser()}, 800),
			util.Prioritized(parser.NewParagraphParser(), 1000),
		),
		parser.WithInlineParsers(
			util.Prioritized(extension.NewTaskCheckBoxParser(), 0),
			util.Prioritized(formulas{}, 50),
			util.Prioritized(parser.NewCodeSpanParser(), 100),
			util.Prioritized(bounded{parser.NewLinkParser(), mostBrackets, brackets}, 200),
			util.Prioritized(parser.NewAutoLinkParser(), 300),
			util.Prioritized(bounded{parser.NewEmphasisParser(), mostStars, stars}, 500),
			util.Prioritized(bounded{extension.NewStrikethroughParser(), mostStars, tildes}, 500),
		),
		parser.WithParagraphTransformers(util.Prioritized(written{extension.NewTableParagraphTransformer()}, 200)),
	)
	return document{p.Parse(text.NewReader(source)), source}
}

// shallow opens no block below deepest others.
type shallow struct{ parser.BlockParser }

func (s shallow) Open(parent ast.Node, reader text.Reader, pc parser.Context) (ast.Node, parser.State) {
	depth := 0
	for n := parent; n != nil; n = n.Parent() {
		if depth++; depth > deepest {
			return nil, parser.NoChildren
		}
	}
	return s.BlockParser.Open(parent, reader, pc)
}

// A parser of links looks through a paragraph for each bracket, and one of
// emphasis at each star for each other. So only so many in a paragraph are more
// than text.
const (
	mostBrackets = 400
	mostStars    = 800
)

// Keys of what was counted, for each parser one.
var brackets, stars, tildes = parser.NewContextKey(), parser.NewContextKey(), parser.NewContextKey()

// bounded asks a parser only so often in one paragraph.
type bounded struct {
	parser.InlineParser
	most int
	key  parser.ContextKey
}

// counted is how often a parser was asked in a paragraph.
type counted struct {
	paragraph ast.Node
	times     int
}

func (b bounded) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	c, _ := pc.Get(b.key).(*counted)
	if c == nil || c.paragraph != parent {
		c = &counted{paragraph: parent}
		pc.Set(b.key, c)
	}
	if c.times++; c.times > b.most {
		return nil
	}
	return b.InlineParser.Parse(parent, block, pc)
}

// CloseBlock ends what a parser has open when a paragraph ends.
func (b bounded) CloseBlock(parent ast.Node, block text.Reader, pc parser.Context) {
	if c, ok := b.InlineParser.(parser.CloseBlocker); ok {
		c.CloseBlock(parent, block, pc)
	}
}
