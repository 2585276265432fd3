package vault

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const maxName = 64 // characters

// ErrName says that a text cannot be a person's name.
var ErrName = errors.New("a name has 1 to 64 characters that can be seen: no control characters, line breaks or marks that change the direction of writing, and only ordinary spaces between words")

// ParseName reads a person's name: trimmed, in Unicode's NFC, all of it
// visible, so that two names which look alike on a screen are not made to
// differ by what cannot be seen.
func ParseName(s string) (string, error) {
	if len(s) > 8*maxName || !utf8.ValidString(s) {
		return "", ErrName
	}
	s = strings.TrimSpace(norm.NFC.String(s))
	n := 0
	for _, r := range s {
		switch {
		case r == ' ':
		case !unicode.IsPrint(r), // controls, formats such as bidi marks, other spaces, private use
			unicode.Is(unicode.Variation_Selector, r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
			return "", ErrName
		}
		n++
	}
	if n == 0 || n > maxName || strings.Contains(s, "  ") {
		return "", ErrName
	}
	return s, nil
}

// folded is what two names have in common that count as one.
func folded(name string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(name)))
}
