// Package audit keeps the log of what was done to the house: who was let in,
// which keys changed, what was found broken. It is append-only, hash-chained
// and signed, and it holds no content: an Event has numbers only, people and
// things appear as pseudonyms, and nothing says who worked when. Records are
// leaves of an RFC 6962 tree; checkpoint and tiles are those of C2SP, so a
// witness on a second machine can vouch that the log only grew. The format is
// specified in docs/formats/audit.md. The package reads no clock, dials nobody
// and logs nothing; names, routes and keys are its callers' affair.
//
//	log, err := audit.Open(dir, keys, time.Now)
//	err = log.Record(audit.Event{What: audit.SlotAdded, Actor: person, Object: slot, Detail: audit.Passphrase})
package audit

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Keys are what a log is signed and blinded with, 32 secret bytes each, derived
// by the caller from the device secret. They never print.
type Keys struct {
	Seed      []byte // of the Ed25519 key that signs checkpoints
	Pseudonym []byte // of the HMAC that turns identifiers into pseudonyms
}

// String hides the keys.
func (Keys) String() string { return "audit.Keys{…}" }

// Format hides the keys from every verb of package fmt.
func (k Keys) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// MarshalText hides the keys from package json and structured logs.
func (k Keys) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// secrets are a log's own copies of its keys.
type secrets struct {
	sign  ed25519.PrivateKey
	blind hash.Hash // HMAC; one caller at a time
}

func newSecrets(k Keys) (secrets, error) {
	if len(k.Seed) != ed25519.SeedSize || len(k.Pseudonym) != sha256.Size {
		return secrets{}, errors.New("the keys of the audit log have 32 bytes each")
	}
	return secrets{ed25519.NewKeyFromSeed(k.Seed), hmac.New(sha256.New, k.Pseudonym)}, nil
}

func (s secrets) public() ed25519.PublicKey { return s.sign.Public().(ed25519.PublicKey) }

// Labels keep the uses of one key apart.
const (
	pseudonymLabel = "abaton.local/audit/pseudonym/v1\x00"
	headsLabel     = "abaton.local/audit/heads/v1\x00"
)

// Pseudonym stands in the log for a person or a thing. Only who has the
// pseudonym key can tell for whom.
type Pseudonym [16]byte

// IsZero reports whether p stands for nobody.
func (p Pseudonym) IsZero() bool { return p == Pseudonym{} }

// String is p in lower-case hexadecimal.
func (p Pseudonym) String() string { return hex.EncodeToString(p[:]) }

// MarshalText writes p as String does.
func (p Pseudonym) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// pseudonym is the same for the same identifier, as actor and as object, so
// that acts can be related. The zero identifier is nobody and stays zero.
func (s secrets) pseudonym(id [16]byte) (p Pseudonym) {
	if id == [16]byte{} {
		return p
	}
	copy(p[:], s.mac(pseudonymLabel, id[:]))
	return p
}

// heads blinds the heads of all vaults with the time of their leaf: equal
// digests would tell that nobody worked in between.
func (s secrets) heads(at int64, heads [32]byte) [32]byte {
	return [32]byte(s.mac(headsLabel, be64(at), heads[:]))
}

func (s secrets) mac(label string, parts ...[]byte) []byte {
	s.blind.Reset()
	io.WriteString(s.blind, label)
	for _, p := range parts {
		s.blind.Write(p)
	}
	return s.blind.Sum(nil)
}
