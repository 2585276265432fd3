package audit

import (
	"encoding/hex"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// Digest is a SHA-256 digest.
type Digest [32]byte

// String is d in lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText writes d as String does.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// tree is an RFC 6962 tree that only grows. Of all its hashes it keeps those of
// the complete subtrees that no larger one contains: one for each bit of size.
type tree struct {
	size  int64
	peaks [63]tlog.Hash // valid where size has the bit
}

// add appends a leaf by its hash. A hash that belongs into a tile (its height is
// a multiple of the tiles') goes to emit with the tile's level and its place on
// that level, lowest level first.
func (t *tree) add(h tlog.Hash, emit func(level int, n int64, h tlog.Hash)) {
	emit(0, t.size, h)
	carry := bits.TrailingZeros64(^uint64(t.size))
	for i := range carry {
		h = tlog.NodeHash(t.peaks[i], h)
		if (i+1)%tileHeight == 0 {
			emit((i+1)/tileHeight, t.size>>(i+1), h)
		}
	}
	t.peaks[carry] = h
	t.size++
}

// root is the tree's hash.
func (t *tree) root() tlog.Hash {
	if t.size == 0 {
		h, _ := tlog.TreeHash(0, nil) // of no records: reads nothing, cannot fail
		return h
	}
	low := bits.TrailingZeros64(uint64(t.size))
	h := t.peaks[low]
	for i := low + 1; i < len(t.peaks); i++ {
		if t.size>>i&1 == 1 {
			h = tlog.NodeHash(t.peaks[i], h)
		}
	}
	return h
}
