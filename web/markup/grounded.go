package markup

import (
	"html/template"
	"regexp"
	"strings"
)

// followed finds addresses as they stand in a text: with a scheme, or as people
// and programs know them without one.
var followed = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]{1,20}:(//|\\\\)[^\s<>"` + "`" + `]*|\b(mailto|data|javascript|vbscript|file|tel):[^\s<>"` + "`" + `]+|\bwww\.[^\s<>"` + "`" + `]+`)

// leftOut stands where an address was that nobody gave.
const leftOut = "[address left out]"

// Grounded gives a text that was written from documents as HTML: paragraphs, lists,
// tables, code, emphasis, headings and quotes, and nothing that is or looks like a
// link or a picture. Of those the words stay. An address stands there only where
// given says that the person, or a passage that is cited, has it letter by letter.
func Grounded(text string, given func(address string) bool) template.HTML {
	return template.HTML(write(grounded(events(Clean(text)), given))) // of our list alone: see write
}

func grounded(list []event, given func(string) bool) (out []event) {
	var open []bool // of each element that is open, whether it is kept
	var address *strings.Builder
	for _, e := range list {
		switch {
		case e.kind == opened && e.element.class == "address":
			address = new(strings.Builder)
			open = append(open, false)
		case e.kind == opened:
			keep := e.element.tag != "span" || e.element.class == "language" || e.element.class == "task" // no colours either: they take texts apart
			open = append(open, keep)
			if keep {
				out = append(out, e)
			}
		case e.kind == said && address != nil:
			address.WriteString(e.text)
		case e.kind == said:
			out = plus(out, e)
		default:
			keep := open[len(open)-1]
			open = open[:len(open)-1]
			if keep {
				out = append(out, e)
				continue
			}
			if address != nil {
				out = plus(out, event{kind: said, text: inertly(address.String(), given)})
				address = nil
			}
		}
	}
	for i := range out {
		if out[i].kind == said {
			out[i].text = unfollowed(out[i].text, given)
		}
	}
	return out
}

// inertly is what stands for an address: see walker.address.
func inertly(a string, given func(string) bool) string {
	if to, ok := strings.CutPrefix(a, " ("); ok {
		if given(strings.TrimSuffix(to, ")")) {
			return a
		}
		return " (" + leftOut + ")"
	}
	if given(a) {
		return a
	}
	return leftOut
}

func unfollowed(text string, given func(string) bool) string {
	return followed.ReplaceAllStringFunc(text, func(a string) string {
		b := ended(a)
		if b != "" && given(b) {
			return a
		}
		return leftOut + a[len(b):]
	})
}
