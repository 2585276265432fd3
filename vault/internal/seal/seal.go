// Package seal turns bytes into sealed bytes and back: records (SR1), streams
// (DS1), keys wrapped by secrets, boxes that only one person opens, and the
// chain of heads over them. It knows no files, no clock and no log, and what it
// refuses it refuses with one word, [ErrOpen]. Who may have a key, where sealed
// bytes lie, and whether some are missing, is for others to say. The formats
// are written down byte by byte in docs/formats.
//
//	s := seal.NewSealer(container)
//	envelope := s.Seal(nil, []byte("hello"), place)
//	plain, err := s.Open(nil, envelope, place)
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
)

// ErrOpen says that sealed bytes do not open: another key, another place, an
// unknown suite, or bytes that were changed. Which of these is not told, for
// whoever may try many could learn from it.
var ErrOpen = errors.New("the sealed bytes do not open: they were changed, moved, or sealed under another key")

// refusal is the true reason why something did not open. It stays inside.
type refusal string

const (
	opened          refusal = ""
	badSize         refusal = "no such size"
	unknownSuite    refusal = "unknown suite"
	otherPlace      refusal = "says itself that it belongs elsewhere"
	notCommitted    refusal = "the commitment is another"
	notAuthentic    refusal = "the tag is another"
	badPadding      refusal = "the padding is not canonical"
	afterClear      refusal = "the key was cleared"
	notEncapsulated refusal = "the encapsulated key is no such thing"
)

// Place says where sealed bytes belong; they open nowhere else.
type Place struct {
	Vault, Record [16]byte
	Kind          uint8
	Version       uint64
	Generation    uint32 // of the vault's root key
}

const placeSize = 16 + 16 + 1 + 8 + 4

// appendTo writes the place in fixed widths, so that two places never read the
// same.
func (p *Place) appendTo(b []byte) []byte {
	b = append(b, p.Vault[:]...)
	b = append(b, p.Record[:]...)
	b = append(b, p.Kind)
	b = binary.BigEndian.AppendUint64(b, p.Version)
	return binary.BigEndian.AppendUint32(b, p.Generation)
}

// Sizes that all formats share.
const (
	keySize        = 32
	nonceSize      = 12
	commitmentSize = 32
	saltSize       = 24
	tagSize        = 16
	oneTimeSize    = keySize + nonceSize + commitmentSize
)

// newGCM is AES-256-GCM under key, which has 32 bytes: so it cannot fail.
func newGCM(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm
}
