package markup

import (
	"bytes"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// written makes a table only of what has its cells written out. Markdown lets a
// row be shorter than the heading and fills it up: a few kilobytes of a wide
// heading over rows of one letter would be a million cells.
type written struct{ parser.ParagraphTransformer }

func (w written) Transform(node *ast.Paragraph, reader text.Reader, pc parser.Context) {
	lines, source := node.Lines(), reader.Source()
	bytesOf, columns := 0, 0
	for i := range lines.Len() {
		line := lines.At(i)
		b := line.Value(source)
		bytesOf += len(b)
		if i > 0 && rules(b) {
			columns = max(columns, bytes.Count(b, []byte{'|'})+1)
		}
	}
	if columns*lines.Len() > bytesOf+columns {
		return
	}
	w.ParagraphTransformer.Transform(node, reader, pc)
}

// rules tells a line that may stand between the heading of a table and its rows.
func rules(line []byte) bool {
	return bytes.IndexByte(line, '-') >= 0 && len(bytes.Trim(line, "|-: \t\r\n\v\f")) == 0
}
