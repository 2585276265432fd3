package markup

import "strings"

// cutter finds where a text can be read in two parts that mean the same as the
// whole. It errs on the side of finding none: what it takes wrongly is put right
// when the text ends, and what it misses is read once more each time.
type cutter struct {
	done   int    // bytes of the part that were looked at, to a line's end
	fence  string // that opened a block of code at the left edge; empty: none is open
	list   bool   // a list was begun, and nothing has ended it
	inset  int    // the column at which its newest item's text begins
	blank  bool   // the last line was blank
	latest int    // where the last cut is
}

// find gives where the last cut is, 0 for none, and from then on takes the text
// to begin there.
func (c *cutter) find(part string) int {
	for {
		n := strings.IndexByte(part[c.done:], '\n')
		if n < 0 {
			break
		}
		c.line(part[c.done:c.done+n], c.done)
		c.done += n + 1
	}
	at := c.latest
	c.done -= at
	c.latest = 0
	return at
}

func (c *cutter) line(line string, at int) {
	text := strings.TrimLeft(line, " ")
	indent := len(line) - len(text)
	switch {
	case c.fence != "":
		if rest, closes := strings.CutPrefix(text, c.fence); indent < 4 && closes && strings.Trim(rest, c.fence[:1]+" \t") == "" {
			c.fence = ""
		}
		c.blank = false
		return
	case strings.TrimSpace(line) == "":
		c.blank = true
		return
	}
	item, inset := marker(text)
	outside := indent == 0 && !strings.HasPrefix(text, "\t") && (!c.list || !item)
	if c.blank && outside {
		c.latest = at
		c.list = false
	}
	c.blank = false
	if item && indent < 4 {
		c.list, c.inset = true, indent+inset
	}
	if sign := fenceOf(text); sign != "" && indent < 4 && (!c.list || indent < c.inset) {
		c.fence = sign
		c.list = false
	}
}

// marker tells whether a line begins an item of a list, and how far in its text
// stands.
func marker(text string) (item bool, inset int) {
	n := 0
	for n < len(text) && n < 9 && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	switch {
	case text == "":
		return false, 0
	case n == 0 && strings.IndexByte("-+*", text[0]) >= 0, n > 0 && n < len(text) && (text[n] == '.' || text[n] == ')'):
		n++
	default:
		return false, 0
	}
	spaces := len(text[n:]) - len(strings.TrimLeft(text[n:], " "))
	if spaces < 1 || spaces > 4 {
		spaces = 1
	}
	return true, n + spaces
}

// fenceOf is the sign that opens a block of code on this line, empty for none.
func fenceOf(text string) string {
	for _, sign := range []string{"`", "~"} {
		n := len(text) - len(strings.TrimLeft(text, sign))
		if n >= 3 && (sign == "~" || !strings.Contains(text[n:], sign)) {
			return text[:n]
		}
	}
	return ""
}
