package markup

import (
	"regexp"
	"slices"
	"strings"
)

// mostAddresses bounds what Addresses gives.
const mostAddresses = 200

// bare is an address of the web that stands in a text as it is.
var bare = regexp.MustCompile(`https?://[^\s<>"` + "`" + `]+`)

// Addresses gives the addresses that a text shows, as it shows them: those of its
// links and pictures, and those of the web that are written out. Each stands once.
func Addresses(text string) (list []string) {
	add := func(a string) {
		if a != "" && len(list) < mostAddresses && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	inside := false
	for _, e := range events(Clean(text)) {
		switch {
		case e.kind == opened:
			inside = e.element.class == "address"
		case e.kind == closed:
			inside = false
		case inside:
			a := e.text
			if rest, ok := strings.CutPrefix(a, " ("); ok { // see walker.address
				a = strings.TrimSuffix(rest, ")")
			}
			add(a)
		default:
			for _, a := range bare.FindAllString(e.text, -1) {
				add(ended(a))
			}
		}
	}
	return list
}

// ended takes off what belongs to the sentence around a bare address.
func ended(a string) string {
	for {
		n := len(a) - 1
		switch {
		case n < 0:
			return ""
		case strings.IndexByte(".,;:!?'*_", a[n]) >= 0,
			a[n] == ')' && strings.Count(a, "(") < strings.Count(a, ")"),
			a[n] == ']' && strings.Count(a, "[") < strings.Count(a, "]"):
			a = a[:n]
		default:
			return a
		}
	}
}
