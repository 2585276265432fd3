package vault

import (
	"fmt"
	"io"
)

// Once is something secret that a person is shown one time: a proposed
// passphrase, a recovery code, an invitation. Whatever prints or marshals it by
// accident shows nothing.
type Once struct {
	// A pointer, for package fmt cannot call the methods of an unexported field
	// of somebody else's struct and would print what it finds there.
	clear *[]byte
}

func newOnce(b []byte) Once { return Once{&b} }

// Reveal gives the live bytes, to be shown and not kept. They are zero after
// Clear.
func (o Once) Reveal() []byte {
	if o.clear == nil {
		return nil
	}
	return *o.clear
}

// Clear wipes the bytes.
func (o Once) Clear() {
	if o.clear != nil {
		clear(*o.clear)
	}
}

// String hides the secret.
func (Once) String() string { return "…" }

// Format hides the secret from every verb of package fmt.
func (o Once) Format(f fmt.State, _ rune) { io.WriteString(f, o.String()) }

// MarshalText hides the secret from package json and structured logs.
func (o Once) MarshalText() ([]byte, error) { return []byte(o.String()), nil }
