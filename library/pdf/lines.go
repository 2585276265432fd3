package pdf

import (
	"bytes"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"abaton.local/library/parse"
)

// line is one of a page, in the order in which the page is drawn.
type line struct {
	box
	seen, unseen []byte  // UTF-8
	size         float32 // of its letters on average
	letters      int
	broken       bool // its last word goes on in the next line
}

// look is how letters are drawn that belong to one object.
type look struct {
	unseen bool // in no way
	white  bool
}

// How text is drawn (PDF 32000, table 106).
const (
	modeFill          = 0
	modeStroke        = 1
	modeInvisible     = 3
	modeFillClip      = 4
	modeStrokeClip    = 5
	modeClip          = 7
	tiny              = 2 // points: nobody reads less
	maxLettersOfAPage = 500_000
)

// lines gathers a page's letters, and counts those that can be seen.
func (r *reading) lines(text uint64, g ground) (lines []*line, seen int, err error) {
	count, err := r.call("FPDFText_CountChars", text)
	if err != nil {
		return nil, 0, err
	}
	n := int(int32(count))
	if n > maxLettersOfAPage {
		r.pages.Cut(parse.TooManyCharacters)
		n = maxLettersOfAPage
	}
	looks := map[uint64]look{}
	l := &line{}
	var high rune
	for i := range n {
		u, err := r.call("FPDFText_GetUnicode", text, uint64(i))
		if err != nil {
			return nil, 0, err
		}
		c := rune(int32(u))
		if utf16.IsSurrogate(c) {
			if high == 0 {
				high = c
				continue
			}
			c = utf16.DecodeRune(high, c)
		}
		high = 0
		switch {
		case c == '\r', c == 0:
			continue
		case c == '\n':
			lines = kept(lines, l)
			l = &line{}
			continue
		case c == 2, c == 0xfffe: // a hyphen that pdfium knows to part a word
			l.broken = true
			lines = kept(lines, l) // it may come without the line's end
			l = &line{}
			continue
		}
		l.broken = false
		if unicode.IsSpace(c) {
			l.seen = utf8.AppendRune(l.seen, c)
			if len(l.unseen) > 0 {
				l.unseen = utf8.AppendRune(l.unseen, c)
			}
			continue
		}
		hidden, b, err := r.hidden(text, uint64(i), g, looks)
		if err != nil {
			return nil, 0, err
		}
		if hidden {
			l.unseen = utf8.AppendRune(l.unseen, c)
			continue
		}
		l.add(b)
		l.seen = utf8.AppendRune(l.seen, c)
		r.sizes[int(2*b.height())]++
		seen++
	}
	return kept(lines, l), seen, nil
}

// kept adds a line that holds something.
func kept(lines []*line, l *line) []*line {
	if l.letters > 0 || len(l.unseen) > 0 {
		return append(lines, l)
	}
	return lines
}

// add stretches a line around a letter. A gap that is wider than letters are high
// parts cells.
func (l *line) add(b box) {
	if l.letters > 0 && b.left-l.right > 2*b.height() {
		l.seen = append(bytes.TrimRight(l.seen, " "), '\t')
	}
	l.letters++
	l.size += (b.height() - l.size) / float32(l.letters)
	if l.letters == 1 {
		l.box = b
		return
	}
	l.box = box{min(l.left, b.left), min(l.bottom, b.bottom), max(l.right, b.right), max(l.top, b.top)}
}

// hidden tells whether nobody sees a letter who looks at the page, and where it is.
func (r *reading) hidden(text, i uint64, g ground, looks map[uint64]look) (bool, box, error) {
	if _, err := r.call("FPDFText_GetLooseCharBox", text, i, uint64(r.scratch)); err != nil {
		return false, box{}, err
	}
	f := r.floats(4)
	b := box{left: f[0], top: f[1], right: f[2], bottom: f[3]}
	object, err := r.call("FPDFText_GetTextObject", text, i)
	if err != nil || object == 0 {
		return false, b, err
	}
	k, known := looks[object]
	if !known {
		if k, err = r.look(object, g); err != nil {
			return false, b, err
		}
		looks[object] = k
	}
	gone := k.unseen || max(b.height(), b.width()) < tiny || !b.meets(g.shown) || k.white && !g.onColour(b)
	return gone, b, nil
}

// look asks how an object of text is drawn. Invisible letters upon a picture of the
// page are those that were recognised in it.
func (r *reading) look(object uint64, g ground) (look, error) {
	mode, err := r.call("FPDFTextObj_GetTextRenderMode", object)
	if err != nil {
		return look{}, err
	}
	switch int32(mode) {
	case modeInvisible, modeClip:
		return look{unseen: g.pictured < g.area*0.6}, nil
	case modeStroke, modeStrokeClip:
		white, err := r.white("FPDFPageObj_GetStrokeColor", object)
		return look{white: white}, err
	case modeFill, modeFillClip:
		white, err := r.white("FPDFPageObj_GetFillColor", object)
		return look{white: white}, err
	}
	return look{}, nil
}
