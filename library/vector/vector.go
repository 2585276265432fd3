// Package vector finds texts by their meaning, told by the vectors that a model
// made of them. An [Index] holds what one person may search, in memory only:
// immutable segments, which have an encoding to be sealed and kept, and an open
// part for what came since. It ranks by cosine over the vectors that live, and
// it makes no difference how they lie in segments.
//
// A vector is kept as one byte for each dimension. Searching looks at all of
// them: there is no graph to build, to repair or to be wrong. A large index may
// look at signs only first, where a test on its own vectors allows it, see
// [Index.Calibrate].
//
// It knows nothing of vaults, files, models or texts.
package vector

import (
	"bytes"
	"fmt"
)

// ID names a vector. It is the caller's.
type ID [16]byte

// Space is where vectors can be compared: what made them and how. Two spaces
// never meet in an index.
type Space struct {
	Maker [32]byte // the caller's digest of model, pooling and prefixes
	Dims  int      // 1 to 4096
}

// Hit is a vector that was found, and its cosine to the one asked for. Cosines
// of one space can be compared over indexes.
type Hit struct {
	ID     ID
	Cosine float64
}

// VectorError says why numbers are not a vector of the space.
type VectorError struct{ Reason string }

func (e *VectorError) Error() string {
	return "an embedding cannot be used: " + e.Reason + "; ask the model again, or take another"
}

// SpaceError says that a segment is of another space than the index.
type SpaceError struct{ Got, Want Space }

func (e *SpaceError) Error() string {
	return fmt.Sprintf("embeddings of another model (%x…, %d dimensions) cannot be searched beside those of this one (%x…, %d): embed the texts anew",
		e.Got.Maker[:4], e.Got.Dims, e.Want.Maker[:4], e.Want.Dims)
}

func before(a, b Hit) bool {
	if a.Cosine != b.Cosine {
		return a.Cosine > b.Cosine
	}
	return bytes.Compare(a.ID[:], b.ID[:]) < 0
}

// best keeps the n best hits, best first; of equals, the one with the smaller ID.
type best struct {
	n    int
	hits []Hit
}

func (b *best) take(h Hit) {
	if len(b.hits) == b.n {
		if !before(h, b.hits[b.n-1]) {
			return
		}
		b.hits = b.hits[:b.n-1]
	}
	at := len(b.hits)
	b.hits = append(b.hits, h)
	for ; at > 0 && before(b.hits[at], b.hits[at-1]); at-- {
		b.hits[at], b.hits[at-1] = b.hits[at-1], b.hits[at]
	}
}
