package gateway

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"unicode/utf8"
)

// readWebForm reads what a page's form sends, application/x-www-form-urlencoded
// as the URL standard has it, the way readForm reads JSON: in one buffer that
// wipe clears, with named fields alone. An empty field is one that was not sent.
func readWebForm(r *http.Request, named ...string) (*form, *refusal) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" || r.Header.Get("Content-Encoding") != "" {
		return nil, &refusal{status: http.StatusUnsupportedMediaType, kind: invalidRequest, code: "unsupported_media_type", message: "This is not what a form of Abaton's sends."}
	}
	f, n, no := readBuffer(r)
	if no != nil {
		return nil, no
	}
	if err := f.parseWeb(f.buffer[:n], named); err != nil {
		f.wipe()
		return nil, &refusal{status: http.StatusBadRequest, kind: invalidRequest, code: "invalid_form", message: "The form cannot be read: " + err.Error() + ". Open the page anew and type it again."}
	}
	return f, nil
}

var errPercent = errors.New("a character in it is written in no way that forms have")

// parseWeb decodes fields where they lie: no escape is shorter than what it
// stands for.
func (f *form) parseWeb(b []byte, named []string) error {
	f.texts, f.truths = map[string][]byte{}, map[string]bool{}
	for len(b) > 0 {
		field := b
		if i := bytes.IndexByte(b, '&'); i >= 0 {
			field, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		before, after, ok := bytes.Cut(field, []byte{'='})
		if !ok {
			return errField
		}
		name := ""
		for _, n := range named {
			if n == string(before) {
				name = n
			}
		}
		if name == "" {
			return errField
		}
		if _, twice := f.texts[name]; twice {
			return errTwice
		}
		text, err := unescaped(after)
		if err != nil {
			return err
		}
		if !utf8.Valid(text) {
			return errCharacters
		}
		f.texts[name] = text
	}
	return nil
}

// unescaped decodes in place.
func unescaped(b []byte) ([]byte, error) {
	out := b[:0]
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '+':
			out = append(out, ' ')
		case '%':
			if i+2 >= len(b) {
				return nil, errPercent
			}
			high, low := digit(b[i+1]), digit(b[i+2])
			if high < 0 || low < 0 {
				return nil, errPercent
			}
			out = append(out, byte(high<<4|low))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return out[:len(out):len(out)], nil
}

// digit is the value of a hexadecimal one, -1 where it is none.
func digit(b byte) int {
	switch {
	case b >= '0' && b <= '9':
		return int(b - '0')
	case b|0x20 >= 'a' && b|0x20 <= 'f':
		return int(b|0x20-'a') + 10
	}
	return -1
}
