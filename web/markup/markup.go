// Package markup shows what a model wrote. It reads Markdown with goldmark's
// parser and writes a tree of few elements, each from one list, which has no
// links, no images, no scripts, no styles and no addresses: whatever the text
// asks for, a page made of it fetches nothing and runs nothing.
//
// The tree leaves in one of two forms: as HTML, for pages of past answers, and as
// operations by which a page builds the same tree while an answer is written.
// Both are made of the same events.
//
//	html := markup.HTML("a *word*")
//	var s markup.Stream
//	ops := s.Add("a *wo")
//	ops = append(ops, s.Add("rd*")...)
//	ops = append(ops, s.End()...)
//
// It knows nothing of conversations, pages or wires.
package markup

import "html/template"

// Most is the size of a text that is read as Markdown, in bytes: 100,000 characters
// of any script. A longer one is shown as it is.
const Most = 400_000

// HTML gives a text's tree as HTML.
func HTML(text string) template.HTML {
	return template.HTML(write(events(Clean(text)))) // of our list alone: see write
}

// events are those of a cleaned text.
func events(text string) []event {
	if len(text) > Most {
		return plain(text)
	}
	return walk(parse([]byte(text)))
}

// plain shows a text as it is.
func plain(text string) []event {
	return []event{opening("pre", "plain"), {kind: said, text: text}, {kind: closed}}
}
