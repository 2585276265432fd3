package vault

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
)

// ID names a vault, a record, a container or a slot: 16 random bytes that tell
// nothing. The zero ID names nothing.
type ID [16]byte

// NewID draws an ID.
func NewID() (id ID) {
	rand.Read(id[:]) // never fails: it ends the program instead
	return id
}

// ParseID reads what String wrote, and nothing else.
func ParseID(s string) (id ID, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) || hex.EncodeToString(b) != s {
		return ID{}, errors.New("an identifier has 32 lower-case hexadecimal digits")
	}
	return ID(b), nil
}

// String is the ID in lower-case hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText writes the ID as String does.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}
