package api

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"abaton.local/chat/grounded"
)

// What a program shows of an answer it takes for Markdown, and some fetch the
// pictures in it unasked: whoever wrote a document would hear that it was read. So
// passages, which are told word for word, are code (fenced), and in what stands on
// a line beside them nothing opens a picture, a link, an element of HTML, or code,
// which a line of a passage could close again (quiet). No line is a table's second
// row or underlines the one above: a citation, or why there is none, ends it.

// quiet makes a line of Markdown, which is shown as it is written, of a model's
// sentence, a name or a heading. Its own backticks become apostrophes, so that those
// of the code that addresses are put in always pair: a program makes a link of a
// bare address, and none of one in code.
func quiet(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '`':
			return '\''
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' ' // or a name would begin a line
		}
		return r
	}, strings.TrimSpace(text))
	var b strings.Builder
	end := 0
	for _, at := range grounded.Addressed(text) {
		b.WriteString(apart(text[end:at[0]]))
		if said := b.String(); strings.TrimRight(said, ` ("«“[`) == said && said != "" {
			b.WriteByte(' ') // or the backtick is no mark: after a backslash, another one, or in the name of a mailbox
		}
		b.WriteString("`" + text[at[0]:at[1]] + "`")
		end = at[1]
	}
	b.WriteString(apart(text[end:]))
	return b.String()
}

// joined are two characters which open something of Markdown where they stand
// together, or which a program makes an address of that is none for us. With a space
// after it, < opens no element, and ~ neither code nor a stretch that is crossed out.
var joined = map[string]bool{"](": true, "][": true, "]:": true, "[[": true, "$$": true, "//": true}

// apart puts a space wherever something would be opened. Some programs look for addresses
// once signs that are spelled out, or stand behind a backslash, have become what they
// stand for: none of them does.
func apart(text string) string {
	var b strings.Builder
	before := rune(0)
	for _, r := range text {
		if (before == '<' || before == '~') && r != ' ' || before == '\\' && sign(r) || joined[string([]rune{before, r})] {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		before = r
	}
	text = mailbox.ReplaceAllString(www.ReplaceAllString(b.String(), "$1 ."), "$0 ")
	return spelled.ReplaceAllString(text, "& $1")
}

// sign tells whether a backslash before a character is left out.
func sign(r rune) bool { return r < utf8.RuneSelf && (unicode.IsPunct(r) || unicode.IsSymbol(r)) }

// spelled is a character by its name or number, &#58; for a colon.
var spelled = regexp.MustCompile(`&(#[0-9]+;|#[xX][0-9a-fA-F]+;|[a-zA-Z][a-zA-Z0-9]*;)`)

// www begins an address for some programs, whatever comes after it.
var www = regexp.MustCompile(`(?i)(www)\.`)

// mailbox ends the name of one: programs differ in what may stand on either side.
var mailbox = regexp.MustCompile(`\S@`)

// fenced is a text as code, between fences that it does not have itself.
func fenced(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "text\n" + strings.TrimRight(text, "\n") + "\n" + fence
}
