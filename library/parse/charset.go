package parse

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// decodeText reads a text file: by its byte order mark, as UTF-8 where that is
// what it is, as Windows-1252 otherwise. Bytes that no text holds are refused.
func decodeText(b []byte) (string, bool) {
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		b = b[3:]
	case bytes.HasPrefix(b, []byte("\xff\xfe")):
		return decode16(b[2:], binary.LittleEndian)
	case bytes.HasPrefix(b, []byte("\xfe\xff")):
		return decode16(b[2:], binary.BigEndian)
	}
	if noText(b) {
		return "", false
	}
	if utf8.Valid(b) {
		return string(b), true
	}
	return western(b), true
}

// noText says that these bytes are no text: a zero, or more control characters
// than a page of old text may hold.
func noText(b []byte) bool {
	odd := 0
	for _, c := range b {
		switch {
		case c == 0:
			return true
		case c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b:
			odd++
		}
	}
	return odd > 8+len(b)/100
}

// decode16 reads UTF-16, whose units have their high byte first or second.
func decode16(b []byte, order binary.ByteOrder) (string, bool) {
	var s strings.Builder
	s.Grow(len(b))
	for i := 0; i+1 < len(b); i += 2 {
		r := rune(order.Uint16(b[i:]))
		if r == 0 {
			return "", false
		}
		if utf16.IsSurrogate(r) {
			pair := utf8.RuneError
			if i+3 < len(b) {
				pair = utf16.DecodeRune(r, rune(order.Uint16(b[i+2:])))
			}
			if r = pair; pair != utf8.RuneError {
				i += 2
			}
		}
		s.WriteRune(r)
	}
	return s.String(), true
}

func western(b []byte) string {
	var s strings.Builder
	s.Grow(len(b) + len(b)/8)
	for _, c := range b {
		s.WriteRune(charmap.Windows1252.DecodeByte(c))
	}
	return s.String()
}

// decodeAs reads bytes in the character set that a mail or a page names. A set
// that is unknown, or named wrongly, is reported.
func (j *job) decodeAs(b []byte, name string) string {
	name = strings.ToLower(strings.Trim(name, " \t\"'"))
	if name == "" || name == "us-ascii" || name == "utf-8" || name == "utf8" {
		if utf8.Valid(b) {
			return string(b)
		}
		return western(b)
	}
	e, err := htmlindex.Get(name)
	if err != nil {
		j.cut(UnknownCharset)
		if utf8.Valid(b) {
			return string(b)
		}
		return western(b)
	}
	s, err := e.NewDecoder().Bytes(b)
	if err != nil {
		j.cut(BadEncoding)
	}
	return string(s)
}
