// Package models keeps what an engine runs. A model is data, never code, and
// is named by its content: where it is fetched from is only a mirror. The
// package holds sources, the shelf (files by digest), passports, the built-in
// catalogue and the header check that every file passes before native code
// sees a byte of it.
package models

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Digest is the SHA-256 of a file: the name of a model.
type Digest [32]byte

// ParseDigest reads 64 hexadecimal digits, with or without "sha256:" before.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	h := strings.TrimPrefix(s, "sha256:")
	if len(h) != 64 || strings.ToLower(h) != h {
		return d, fmt.Errorf("a SHA-256 digest has 64 lower-case hexadecimal digits, got %d characters", len(h))
	}
	if _, err := hex.Decode(d[:], []byte(h)); err != nil {
		return d, fmt.Errorf("a SHA-256 digest is hexadecimal: %w", err)
	}
	return d, nil
}

// String gives 64 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether d is unset.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText writes the digest as hexadecimal digits.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (d *Digest) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDigest(string(b))
	return err
}
