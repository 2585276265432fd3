package seal

import (
	"crypto/sha256"
	"encoding/binary"
)

// Head stands for a vault's whole journal up to one entry. The zero Head stands
// before the first.
type Head [sha256.Size]byte

// NextHead is the head after an entry: SHA-256 over a label, the head before
// it, its sequence number and its envelope.
func NextHead(prev Head, seq uint64, envelope []byte) (next Head) {
	h := sha256.New()
	h.Write([]byte("abaton.local/vault/head/v1\x00"))
	h.Write(prev[:])
	h.Write(binary.BigEndian.AppendUint64(nil, seq))
	h.Write(envelope)
	h.Sum(next[:0])
	return next
}

// Digest is the SHA-256 of an envelope, by which the manifest knows it.
func Digest(envelope []byte) [sha256.Size]byte { return sha256.Sum256(envelope) }
