package markup

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// Bounds of what is coloured: each span is an element of a page.
const (
	mostColour   = 64 << 10  // bytes of one block of code
	mostColoured = 128 << 10 // of all blocks of a text
)

// closing notes of a block of code that its fence was closed. Until then it is
// plain: half a line would change its colours with each word.
type closing struct{ parser.BlockParser }

// fenceClosed is the name of that note.
var fenceClosed = []byte("closed")

func (c closing) Continue(node ast.Node, reader text.Reader, pc parser.Context) parser.State {
	state := c.BlockParser.Continue(node, reader, pc)
	if state == parser.Close {
		node.SetAttribute(fenceClosed, true)
	}
	return state
}

// piece is a part of code that is of one kind; none is what has no colour.
type piece struct {
	class string
	text  []byte
}

// colour takes code apart. It goes over it once, and looks no further ahead than to
// the end of what it takes, so its time grows with the length and with nothing else.
// It knows comments, texts, numbers and words, which is what people look for, and not
// what they mean.
func (l *language) colour(code []byte) []piece {
	if l.by != nil {
		return l.by(code)
	}
	c := colouring{language: l, code: code}
	for c.at < len(code) {
		c.next()
	}
	c.plain(len(code))
	return c.list
}

// colouring is code that is being taken apart.
type colouring struct {
	*language
	code []byte
	at   int // where we are
	from int // where what has no colour began
	list []piece
}

// take gives what lies between here and end a colour.
func (c *colouring) take(class string, end int) {
	c.plain(c.at)
	c.list = append(c.list, piece{class, c.code[c.at:end]})
	c.at, c.from = end, end
}

func (c *colouring) plain(end int) {
	if end > c.from {
		c.list = append(c.list, piece{"", c.code[c.from:end]})
	}
}

func (c *colouring) next() {
	rest := c.code[c.at:]
	for _, s := range c.line {
		if bytes.HasPrefix(rest, []byte(s)) && (!c.spaced || c.at == 0 || space(c.code[c.at-1])) {
			c.take("comment", c.at+lineEnd(rest))
			return
		}
	}
	for _, s := range c.block {
		if bytes.HasPrefix(rest, []byte(s.open)) {
			c.take("comment", c.at+s.end(rest))
			return
		}
	}
	for _, s := range c.quotes {
		if bytes.HasPrefix(rest, []byte(s.open)) && (!s.single || single(rest)) {
			end := c.at + s.end(rest)
			class := "string"
			if c.keyed(end) {
				class = "name"
			}
			c.take(class, end)
			return
		}
	}
	r, size := utf8.DecodeRune(rest)
	switch {
	case digit(rest[0]) || rest[0] == '.' && len(rest) > 1 && digit(rest[1]), rest[0] == '#' && c.hexes && len(rest) > 1 && hexadecimal(rest[1]):
		c.take("number", c.at+number(rest))
	case c.begins(r):
		c.word(rest)
	default:
		c.at += size
	}
}

// word takes an identifier, which may be a word of the language.
func (c *colouring) word(rest []byte) {
	n := 0
	for n < len(rest) {
		r, size := utf8.DecodeRune(rest[n:])
		if n > 0 && !c.begins(r) && !unicode.IsDigit(r) && !(r == '-' && c.dashes) {
			break
		}
		n += size
	}
	word := string(rest[:n])
	if c.folds {
		word = strings.ToLower(word)
	}
	end := c.at + n
	switch {
	case c.words[word], rest[0] == '@':
		c.take("keyword", end)
	case c.keyed(end), n < len(rest) && rest[n] == '(':
		c.take("name", end)
	default:
		c.at = end
	}
}

func (c *colouring) begins(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || r != utf8.RuneError && strings.ContainsRune(c.also, r)
}

// keyed tells whether what ends here is a key, with a value behind it.
func (c *colouring) keyed(end int) bool {
	if c.keys == 0 {
		return false
	}
	for end < len(c.code) && (c.code[end] == ' ' || c.code[end] == '\t') && end < c.at+80 {
		end++
	}
	return end < len(c.code) && c.code[end] == c.keys
}

func lineEnd(b []byte) int {
	if n := bytes.IndexByte(b, '\n'); n >= 0 {
		return n
	}
	return len(b)
}

func number(b []byte) (n int) {
	for n = 1; n < len(b) && (digit(b[n]) || b[n] == '_' || b[n] == '.' && n+1 < len(b) && digit(b[n+1]) || b[n]|0x20 >= 'a' && b[n]|0x20 <= 'z' || b[n] == '%'); n++ {
	}
	return n
}

// single tells a character in quotes from a lone quote, which some languages have.
func single(b []byte) bool {
	if len(b) > 1 && b[1] == '\\' {
		return true
	}
	_, size := utf8.DecodeRune(b[1:])
	return len(b) > 1+size && b[1+size] == '\''
}

func digit(b byte) bool       { return b >= '0' && b <= '9' }
func hexadecimal(b byte) bool { return digit(b) || b|0x20 >= 'a' && b|0x20 <= 'f' }
func space(b byte) bool       { return b == ' ' || b == '\t' || b == '\n' }
