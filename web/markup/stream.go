package markup

import (
	"strings"
	"unicode/utf8"
)

// Stream makes the operations by which a page shows a text while it is written.
// Only the newest part of the text, which may still change its meaning, is read
// again with each addition; the whole once more at the end. The zero Stream is
// ready to use, by one goroutine.
type Stream struct {
	held   string          // a character that has not arrived whole, or a line's end
	whole  strings.Builder // all that arrived, clean
	from   int             // where in whole the newest part begins
	read   int             // up to where it was read
	cut    cutter
	shown  []event // what the page has
	fixed  int     // of them, those that the newest part does not touch
	blocks int     // elements at the top of those
	ended  bool
}

// A newest part that is longer than short is not read again before a certain part
// of it is new: so the work for a text is a multiple of its length, whatever it
// is made of.
const (
	short = 4096
	lag   = 32
)

// Add takes what was written next, which may begin and end within a character,
// and gives what the page has to do.
func (s *Stream) Add(text string) []Op {
	s.take(text)
	newest := s.whole.Len() - s.from
	if fresh := s.whole.Len() - s.read; s.ended || fresh == 0 || newest > short && fresh*lag < newest {
		return nil
	}
	return s.show()
}

// End takes it that nothing more comes.
func (s *Stream) End() []Op {
	if s.ended {
		return nil
	}
	s.ended = true
	s.whole.WriteString(Clean(s.held))
	s.held = ""
	now := events(s.whole.String())
	ops := change(nil, s.shown, now, 0)
	s.shown = now
	return ops
}

// take adds to the text what is whole of what was written.
func (s *Stream) take(text string) {
	text = s.held + text
	whole := len(text)
	for i := 1; i <= min(utf8.UTFMax-1, len(text)); i++ { // of the last character, where it began
		if at := len(text) - i; utf8.RuneStart(text[at]) {
			if !utf8.FullRuneInString(text[at:]) {
				whole = at
			}
			break
		}
	}
	if whole > 0 && text[whole-1] == '\r' {
		whole--
	}
	s.held = text[whole:]
	s.whole.WriteString(Clean(text[:whole]))
}

// show reads the newest part and gives what changed on the page.
func (s *Stream) show() []Op {
	all := s.whole.String()
	s.read = len(all)
	if len(all) > Most {
		return nil // all of it is shown as it is, at the end
	}
	var ops []Op
	if at := s.from + s.cut.find(all[s.from:]); at > s.from {
		// What lies before a cut is read a last time.
		part := events(all[s.from:at])
		ops = change(ops, s.shown[s.fixed:], part, s.blocks)
		s.shown = append(s.shown[:s.fixed], part...)
		s.from, s.fixed = at, len(s.shown)
		s.blocks += top(part)
	}
	part := events(all[s.from:])
	ops = change(ops, s.shown[s.fixed:], part, s.blocks)
	s.shown = append(s.shown[:s.fixed], part...)
	return ops
}

// top counts the elements and texts that lie in no element.
func top(list []event) (n int) {
	depth := 0
	for _, e := range list {
		if depth == 0 && e.kind != closed {
			n++
		}
		switch e.kind {
		case opened:
			depth++
		case closed:
			depth--
		}
	}
	return n
}
