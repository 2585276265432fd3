package markup

import "unicode/utf8"

// Paragraphs makes the operations by which a page shows texts that are no
// Markdown, a paragraph for each, while they come. The zero Paragraphs is ready to
// use, by one goroutine.
type Paragraphs struct {
	told   int // whole paragraphs
	inside int // bytes of the next
}

// All tells whether all paragraphs were told.
func (p *Paragraphs) All(all []string) bool { return p.told >= len(all) }

// Next gives the operations for up to n bytes of what follows of all paragraphs;
// nil: all was told.
func (p *Paragraphs) Next(all []string, n int) (ops []Op, bytes int) {
	if p.told >= len(all) {
		return nil, 0
	}
	text := Clean(all[p.told])
	e := opening("p", "")
	if p.inside == 0 {
		ops = append(ops, Op{open: &e.element})
	}
	rest := text[p.inside:]
	part := rest
	if len(rest) > n {
		at := max(n, 1)
		for at < len(rest) && !utf8.RuneStart(rest[at]) {
			at++
		}
		part = rest[:at]
	}
	ops = append(ops, Op{text: part})
	if p.inside += len(part); p.inside == len(text) {
		ops = append(ops, Op{close: true})
		p.told, p.inside = p.told+1, 0
	}
	return ops, len(part)
}
