package markup

import (
	"html"
	"strings"
)

// write makes HTML of events. Tags, classes and numbers are of this package's
// own list; all else is text.
func write(list []event) string {
	var b strings.Builder
	var open []string
	for _, e := range list {
		switch e.kind {
		case opened:
			b.WriteString("<" + e.element.tag)
			if e.element.class != "" {
				b.WriteString(` class="` + e.element.class + `"`)
			}
			if e.element.start != "" {
				b.WriteString(` start="` + e.element.start + `"`)
			}
			if directed(e.element.tag) {
				b.WriteString(` dir="auto"`)
			}
			b.WriteByte('>')
			if e.element.tag == "pre" {
				b.WriteByte('\n') // HTML drops the first one: else a text that begins with one would lose it
			}
			open = append(open, e.element.tag)
		case said:
			b.WriteString(html.EscapeString(e.text))
		case closed:
			tag := open[len(open)-1]
			open = open[:len(open)-1]
			if !void(tag) {
				b.WriteString("</" + tag + ">")
			}
		}
	}
	return b.String()
}
