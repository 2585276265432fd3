package parse

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
)

// walker reads XML token by token: raw, so that no entity, no namespace and no
// DTD is looked up. A document type is refused.
type walker struct {
	j     *job
	dec   *xml.Decoder
	token int64 // bytes since the last token
	r     io.Reader
	open  []string // local names of the elements that are open
	tok   xml.Token
	err   error
}

func (j *job) walk(r io.Reader) *walker {
	w := &walker{j: j, r: r}
	w.dec = xml.NewDecoder(w)
	return w
}

// Read counts for the decoder, which holds a whole token in memory.
func (w *walker) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if w.token += int64(n); w.token > maxToken {
		return 0, w.j.stop(TokenTooLong)
	}
	return n, err
}

// next steps to the next token: an xml.StartElement, xml.EndElement or
// xml.CharData. At the end, or on an error, it is false.
func (w *walker) next() bool {
	for w.err == nil {
		w.token = 0
		tok, err := w.dec.RawToken()
		if err != nil {
			switch {
			case err == io.EOF && len(w.open) == 0:
			case errors.Is(err, errStop):
				w.err = errStop
			default:
				w.err = refuse(Damaged)
			}
			return false
		}
		if w.err = w.j.step(1); w.err != nil {
			return false
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if len(w.open) >= w.j.lim.Nesting {
				w.err = w.j.stop(TooNested)
				return false
			}
			w.open = append(w.open, t.Name.Local)
		case xml.EndElement:
			k := len(w.open) - 1
			if k < 0 || w.open[k] != t.Name.Local {
				w.err = refuse(Damaged)
				return false
			}
			w.open = w.open[:k]
		case xml.CharData:
		case xml.Directive:
			if len(t) >= 7 && strings.EqualFold(string(t[:7]), "DOCTYPE") {
				w.err = refuse(Doctype)
				return false
			}
			continue
		default:
			continue
		}
		w.tok = tok
		return true
	}
	return false
}

// skip passes over the rest of the element that has just begun.
func (w *walker) skip() {
	depth := len(w.open)
	for w.next() {
		if _, end := w.tok.(xml.EndElement); end && len(w.open) < depth {
			return
		}
	}
}

// text is the character data of the element that has just begun, and of those
// in it.
func (w *walker) text() string {
	var b builder
	depth := len(w.open)
	for w.next() {
		switch t := w.tok.(type) {
		case xml.CharData:
			b.WriteString(string(t))
		case xml.EndElement:
			if len(w.open) < depth {
				return w.j.take(&b)
			}
		}
	}
	return w.j.take(&b)
}

// attr is an attribute by its local name.
func attr(t xml.StartElement, local string) string {
	for _, a := range t.Attr {
		if a.Name.Local == local {
			return a.Value
		}
	}
	return ""
}

// attrOf is an attribute by prefix and local name, where both are needed.
func attrOf(t xml.StartElement, prefix, local string) string {
	for _, a := range t.Attr {
		if a.Name.Local == local && a.Name.Space == prefix {
			return a.Value
		}
	}
	return ""
}

// on reads what OOXML calls on-off: an element that is there, unless it says no.
func on(t xml.StartElement) bool {
	switch attr(t, "val") {
	case "0", "false", "off":
		return false
	}
	return true
}

// number reads an attribute's number, bounded; what is none is zero.
func number(s string, most int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return min(n, most)
}
