package grounded

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// address finds what a page, a terminal or another program may take for
// something to follow: with a scheme, with www, of mail, and bare names of hosts
// with a path or under a domain that people know.
var address = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]{1,20}:(//|\\\\)[^\s<>"'` + "`" + `]*` +
	`|\b(mailto|data|javascript|vbscript|tel|sms|file|blob|cid):[^\s<>"'` + "`" + `]*` +
	`|(//|\\\\)[a-z0-9-]+(\.[a-z0-9-]+)+[^\s<>"'` + "`" + `]*` +
	`|(\b|_)www\.[^\s<>"'` + "`" + `]+` +
	`|[\pL\pN._%+-]+@[\pL\pN_-]+(\.[\pL\pN_-]+)+` +
	`|[\pL\pN_-]+(\.[\pL\pN_-]+)*\.[\pL]{2,24}(:[0-9]+)?[/?#][^\s<>"'` + "`" + `]*` +
	`|[a-z0-9_-]+([.。．｡][a-z0-9_-]+)*[。．｡]([a-z]{2,24}[/?#][^\s<>"'` + "`" + `]*|(com|net|org|info|io|ai|app|dev|co|me|eu|xyz|top|site|online|zip|example)\b)` + // dots that browsers take for ones
	`|\b[\pL\pN_-]+(\.[\pL\pN_-]+)*\.(com|net|org|info|biz|io|ai|app|dev|co|me|ly|gl|fr|de|eu|uk|us|ca|ch|be|ru|cn|xyz|top|site|online|zip|mov|onion|local|test|example|invalid)\b`)

// Addressed tells where addresses stand in a text, for whoever must show them so that
// nothing follows them.
func Addressed(text string) [][]int {
	list := address.FindAllStringIndex(text, -1)
	for _, at := range list {
		at[1] = at[0] + len(bare(text[at[0]:at[1]]))
	}
	return list
}

// link is a link or a picture of Markdown, of which the words stay.
var link = regexp.MustCompile(`!?\[([^\]\[]*)\]\(([^)]*)\)`)

// leftOut stands where an address was that nobody gave.
const leftOut = "[address left out]"

// addresses are those that a text has.
func addresses(text string, into map[string]bool) {
	for _, a := range address.FindAllString(text, -1) {
		into[bare(a)] = true
	}
}

// bare is an address without what belongs to the sentence around it.
func bare(a string) string { return strings.TrimRight(a, ".,;:!?)]}*_’”»") }

// inert makes plain text of what a model wrote: one line, without signs that a
// screen obeys, with no address but those given.
func inert(text string, given map[string]bool) string {
	text = link.ReplaceAllString(plain(text), "$1 $2")
	return strings.TrimSpace(address.ReplaceAllStringFunc(text, func(a string) string {
		b := bare(a)
		if given[b] {
			return a
		}
		return leftOut + a[len(b):]
	}))
}

// plain is a text on one line, without what nobody sees and what a screen obeys.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), r == unicode.ReplacementChar, unicode.Is(unicode.Cf, r) && r != 0x200c && r != 0x200d,
			unicode.Is(unicode.Variation_Selector, r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) && r != 0x200c && r != 0x200d, unicode.Is(unicode.Co, r):
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(unjoined(text)), " ")
}

// unjoined takes out joiners but where scripts and emoji need them: in an address
// they part what is matched here, and whoever follows it drops them.
func unjoined(text string) string {
	if !strings.ContainsAny(text, "\u200c\u200d") {
		return text
	}
	var b strings.Builder
	before := rune(0)
	for i, r := range text {
		if r == 0x200c || r == 0x200d {
			next, _ := utf8.DecodeRuneInString(text[i+len("\u200d"):])
			if before < utf8.RuneSelf || next < utf8.RuneSelf || next == 0x200c || next == 0x200d {
				continue
			}
		}
		b.WriteRune(r)
		before = r
	}
	return b.String()
}
