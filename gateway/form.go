package gateway

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"unicode/utf8"
)

// mostForm bounds the body of a request to the door itself, in bytes: a name,
// a passphrase of 1 KiB with every character escaped, and some air.
const mostForm = 8 << 10

// A form is a flat JSON object of texts and truths, as the door's own pages
// take them. It is read by hand, for it may hold a passphrase: package json
// copies texts into strings, which cannot be wiped. Here every value is a part
// of the one buffer that wipe clears.
//
// What cannot be wiped: net/http's own reading buffer, some 4 KiB for each
// connection, keeps what passed through it until other bytes take its place,
// and so does package crypto/tls.
type form struct {
	buffer []byte
	texts  map[string][]byte
	truths map[string]bool
}

// text gives a field's text, nil where it was not sent. It is gone after wipe.
func (f *form) text(name string) []byte { return f.texts[name] }

func (f *form) truth(name string) bool { return f.truths[name] }

func (f *form) wipe() { clear(f.buffer) }

// readForm reads a request's body. Fields that are not named are refused: who
// writes "pasphrase" is told so. The caller wipes the form.
func readForm(r *http.Request, named ...string) (*form, *refusal) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !strings.EqualFold(media, "application/json") || r.Header.Get("Content-Encoding") != "" {
		// A web form cannot be sent with this type: one more wall against foreign pages.
		return nil, &refusal{status: http.StatusUnsupportedMediaType, kind: invalidRequest, code: "unsupported_media_type",
			message: "The request is not JSON: send the header Content-Type: application/json, without a Content-Encoding."}
	}
	f, n, no := readBuffer(r)
	if no != nil {
		return nil, no
	}
	if err := f.parse(f.buffer[:n], named); err != nil {
		f.wipe()
		return nil, &refusal{status: http.StatusBadRequest, kind: invalidRequest, code: "invalid_json",
			message: "The request cannot be read: " + err.Error() + ". It takes one JSON object with no fields but " + strings.Join(named, ", ") + "."}
	}
	return f, nil
}

// readBuffer reads a body into the buffer of a form.
func readBuffer(r *http.Request) (*form, int, *refusal) {
	f := &form{buffer: make([]byte, mostForm+1)}
	n, err := io.ReadFull(r.Body, f.buffer)
	switch {
	case err == nil:
		f.wipe()
		return nil, 0, &refusal{status: http.StatusRequestEntityTooLarge, kind: invalidRequest, code: "request_too_large", message: "The request is larger than any that belongs here. Send a shorter one."}
	case errors.Is(err, os.ErrDeadlineExceeded):
		f.wipe()
		return nil, 0, &refusal{status: http.StatusRequestTimeout, kind: invalidRequest, code: "request_timeout", message: "The request took too long to arrive. Send it again."}
	case err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF):
		f.wipe()
		return nil, 0, &refusal{status: http.StatusBadRequest, kind: invalidRequest, code: "invalid_body", message: "The request did not arrive whole. Send it again."}
	}
	return f, n, nil
}

// Errors of a form. They never quote it.
var (
	errNoObject   = errors.New("it is not one JSON object")
	errField      = errors.New("a field does not belong there")
	errTwice      = errors.New("a field is there twice")
	errValue      = errors.New("a value is neither a text nor true or false")
	errText       = errors.New("a text is not valid JSON")
	errCharacters = errors.New("a text is not valid Unicode")
)

// parse reads RFC 8259's grammar as far as forms need it. It unescapes texts
// where they lie: an escape is never shorter than what it stands for.
func (f *form) parse(b []byte, named []string) error {
	f.texts, f.truths = map[string][]byte{}, map[string]bool{}
	c := cursor{b}
	if !c.take('{') {
		return errNoObject
	}
	for first := true; !c.take('}'); first = false {
		if !first && !c.take(',') {
			return errNoObject
		}
		key, err := c.text()
		if err != nil {
			return err
		}
		name := ""
		for _, n := range named {
			if n == string(key) {
				name = n
			}
		}
		if name == "" {
			return errField
		}
		if _, twice := f.texts[name]; twice {
			return errTwice
		}
		if _, twice := f.truths[name]; twice {
			return errTwice
		}
		switch {
		case !c.take(':'):
			return errNoObject
		case c.word("true"):
			f.truths[name] = true
		case c.word("false"):
			f.truths[name] = false
		case !c.at('"'):
			return errValue
		default:
			if f.texts[name], err = c.text(); err != nil {
				return err
			}
		}
	}
	if c.space(); len(c.rest) > 0 {
		return errNoObject
	}
	return nil
}

// cursor walks through JSON.
type cursor struct{ rest []byte }

func (c *cursor) space() {
	for len(c.rest) > 0 && strings.IndexByte(" \t\r\n", c.rest[0]) >= 0 {
		c.rest = c.rest[1:]
	}
}

// at tells whether b comes next, after white space.
func (c *cursor) at(b byte) bool {
	c.space()
	return len(c.rest) > 0 && c.rest[0] == b
}

func (c *cursor) take(b byte) bool {
	if !c.at(b) {
		return false
	}
	c.rest = c.rest[1:]
	return true
}

func (c *cursor) word(w string) bool {
	if c.space(); len(c.rest) < len(w) || string(c.rest[:len(w)]) != w {
		return false
	}
	c.rest = c.rest[len(w):]
	return true
}

// text takes a string and unescapes it in place. The result is never nil.
func (c *cursor) text() ([]byte, error) {
	if !c.take('"') {
		return nil, errText
	}
	out := c.rest[:0]
	for len(c.rest) > 0 {
		b := c.rest[0]
		c.rest = c.rest[1:]
		switch {
		case b == '"':
			if !utf8.Valid(out) {
				return nil, errCharacters
			}
			return out[:len(out):len(out)], nil
		case b < ' ':
			return nil, errText
		case b != '\\':
			out = append(out, b)
		default:
			var err error
			if out, err = c.escape(out); err != nil {
				return nil, err
			}
		}
	}
	return nil, errText
}

// escape takes what follows a backslash.
func (c *cursor) escape(out []byte) ([]byte, error) {
	if len(c.rest) == 0 {
		return nil, errText
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	if b == 'u' {
		r, ok := c.rune()
		if !ok {
			return nil, errCharacters
		}
		return utf8.AppendRune(out, r), nil
	}
	const escapes, stands = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	i := strings.IndexByte(escapes, b)
	if i < 0 {
		return nil, errText
	}
	return append(out, stands[i]), nil
}

// rune takes four hexadecimal digits, and where they are the first half of a
// pair of surrogates, the second half as well. Half a pair is no character.
func (c *cursor) rune() (rune, bool) {
	r, ok := c.hex()
	switch {
	case !ok || r >= 0xdc00 && r <= 0xdfff:
		return 0, false
	case r < 0xd800 || r > 0xdbff:
		return r, true
	case len(c.rest) < 2 || c.rest[0] != '\\' || c.rest[1] != 'u':
		return 0, false
	}
	c.rest = c.rest[2:]
	low, ok := c.hex()
	return (r-0xd800)<<10 + low - 0xdc00 + 0x10000, ok && low >= 0xdc00 && low <= 0xdfff
}

func (c *cursor) hex() (r rune, ok bool) {
	if len(c.rest) < 4 {
		return 0, false
	}
	for _, b := range c.rest[:4] {
		i := strings.IndexByte("0123456789abcdef", b|0x20)
		if i < 0 || b < '0' {
			return 0, false
		}
		r = r<<4 | rune(i)
	}
	c.rest = c.rest[4:]
	return r, true
}
