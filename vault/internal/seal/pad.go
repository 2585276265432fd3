package seal

import (
	"encoding/binary"
	"math/bits"
)

const (
	lengthSize = 4
	minPadded  = 256

	// MaxPayload is the largest payload of one record, in bytes: with its padding
	// and its envelope it stays below a store's largest row, 32 MiB.
	MaxPayload = maxPadded - lengthSize
	maxPadded  = 31<<20 + 512<<10 // a size that Padme gives, the last below 32 MiB
)

// Padme is the size to which n bytes are padded: at most 12 % more, and so few
// sizes that one tells little (Padmé, from "Reducing Metadata Leakage from
// Encrypted Files and Communication with PURBs", 2019). n is at most 1<<61.
func Padme(n int) int {
	if n < 2 {
		return n
	}
	exponent := bits.Len(uint(n)) - 1
	mask := 1<<(exponent-bits.Len(uint(exponent))) - 1
	return (n + mask) &^ mask
}

// padded is the size of a payload of n bytes behind its length and with its
// padding.
func padded(n int) int { return max(minPadded, Padme(lengthSize+n)) }

// appendPadded appends length, payload and zeros.
func appendPadded(b, payload []byte) []byte {
	at, size := len(b), padded(len(payload))
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = append(b, payload...)
	return append(b, make([]byte, at+size-len(b))...)
}

// unpad finds the payload in b. There is one way to pad a payload and every
// other is refused, or one record would have many envelopes.
func unpad(b []byte) ([]byte, refusal) {
	if len(b) < minPadded || len(b) > maxPadded {
		return nil, badPadding
	}
	n := uint64(binary.BigEndian.Uint32(b))
	if n > uint64(len(b)-lengthSize) || padded(int(n)) != len(b) {
		return nil, badPadding
	}
	payload, zeros := b[lengthSize:lengthSize+n], b[lengthSize+n:]
	var seen byte
	for _, z := range zeros {
		seen |= z
	}
	if seen != 0 {
		return nil, badPadding
	}
	return payload, opened
}
