package vault

import (
	"bytes"
	"errors"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// What a passphrase must be. Six generated words always are.
const (
	leastPassphrase  = 12   // characters
	mostPassphrase   = 1024 // bytes
	distinctInPhrase = 5    // different characters
)

// Errors of a passphrase that a person may choose anew.
var (
	ErrShortPassphrase = errors.New("this passphrase is too short: use at least 12 characters, or the six words that are offered")
	ErrPlainPassphrase = errors.New("this passphrase repeats too few characters: use at least 5 different ones, or the six words that are offered")
	ErrBadPassphrase   = errors.New("this passphrase cannot be used: it must be at most 1024 bytes of ordinary text without control characters, so that it can be typed again on another keyboard")
)

// normalised gives the form in which a passphrase is stretched: Unicode's NFC,
// so that one keyboard's é opens what another's locked. The result may be the
// argument itself. It is called inside guarded.
func normalised(passphrase []byte) ([]byte, error) {
	if len(passphrase) > mostPassphrase || !utf8.Valid(passphrase) {
		return nil, ErrBadPassphrase
	}
	for b := passphrase; len(b) > 0; {
		r, n := utf8.DecodeRune(b)
		if unicode.IsControl(r) {
			return nil, ErrBadPassphrase
		}
		b = b[n:]
	}
	return norm.NFC.Bytes(passphrase), nil
}

// CheckPassphrase says why a new passphrase cannot be taken.
func CheckPassphrase(passphrase []byte) (err error) {
	guarded(func() {
		var b []byte
		if b, err = normalised(passphrase); err != nil {
			return
		}
		if utf8.RuneCount(b) < leastPassphrase {
			err = ErrShortPassphrase
			return
		}
		distinct := 0
		for i := 0; i < len(b) && distinct < distinctInPhrase; {
			_, n := utf8.DecodeRune(b[i:])
			if bytes.Index(b, b[i:i+n]) == i {
				distinct++
			}
			i += n
		}
		if distinct < distinctInPhrase {
			err = ErrPlainPassphrase
		}
	})
	return err
}
