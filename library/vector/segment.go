package vector

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
)

// Segment is an immutable set of vectors, in memory as it is encoded
// (docs/formats/vectors.md). The same vectors make the same bytes, in whatever
// order they came. It is safe for concurrent use.
type Segment struct {
	encoded []byte
	space   Space
	ids     []byte // ascending
	rows    rows
}

const (
	magic    = "abt-vect"
	format   = 1
	maxRows  = 1 << 24 // of one segment
	maxBytes = 1 << 30 // of one segment
)

// NewerError says that a segment has a format of later versions.
type NewerError struct{ Format int }

func (e *NewerError) Error() string {
	return fmt.Sprintf("a segment of embeddings has format %d, this program reads %d: use the version that wrote it, or let this one embed the texts anew", e.Format, format)
}

var errDamaged = errors.New("a segment of embeddings is damaged; it can be made anew from the texts")

// Encoded is the segment's encoding. It must not be changed.
func (s *Segment) Encoded() []byte { return s.encoded }

// Space is the space of the segment's vectors.
func (s *Segment) Space() Space { return s.space }

// Len is the number of vectors.
func (s *Segment) Len() int { return s.rows.len() }

// Holds says whether a vector is in the segment.
func (s *Segment) Holds(id ID) bool {
	_, ok := s.find(id)
	return ok
}

// IDs yields the vectors' names in ascending order.
func (s *Segment) IDs(yield func(ID) bool) {
	for i := range s.Len() {
		if !yield(s.id(i)) {
			return
		}
	}
}

func (s *Segment) id(i int) ID { return ID(s.ids[i*16 : i*16+16]) }

func (s *Segment) find(id ID) (i int, ok bool) {
	return sort.Find(s.Len(), func(i int) int { return bytes.Compare(id[:], s.ids[i*16:i*16+16]) })
}

// Decode reads an encoding, which it keeps and which must not be changed
// afterwards. Bytes that no segment encodes to are refused; whatever they are,
// it takes memory and time in proportion to their length.
func Decode(b []byte) (*Segment, error) {
	const fixed = len(magic) + 1 + 32
	if len(b) < fixed || len(b) > maxBytes || string(b[:len(magic)]) != magic {
		return nil, errDamaged
	}
	if f := b[len(magic)]; f != format {
		return nil, &NewerError{int(f)}
	}
	s := &Segment{encoded: b}
	copy(s.space.Maker[:], b[len(magic)+1:])
	dims, at := uvarint(b, fixed)
	n, at := uvarint(b, at)
	if at < 0 || dims == 0 || dims > maxDims || n == 0 || n > maxRows || uint64(len(b)-at) != n*(16+dims) {
		return nil, errDamaged
	}
	s.space.Dims = int(dims)
	s.ids = b[at : at+int(n)*16]
	for i := 16; i < len(s.ids); i += 16 {
		if bytes.Compare(s.ids[i-16:i], s.ids[i:i+16]) >= 0 {
			return nil, errDamaged
		}
	}
	if !s.measure(b[at+int(n)*16:]) {
		return nil, errDamaged
	}
	return s, nil
}

// measure takes the bytes of all rows.
func (s *Segment) measure(b []byte) bool {
	dims, n := s.space.Dims, len(s.ids)/16
	s.rows = rows{dims: dims, bytes: b, inverse: make([]float32, 0, n), signs: make([]uint64, 0, n*words(dims))}
	for i := range n {
		if !s.rows.measure(s.rows.row(i)) {
			return false
		}
	}
	return true
}

// writer makes a segment of rows that come in ascending order of their IDs.
type writer struct {
	space Space
	ids   []byte
	bytes []byte
}

func (w *writer) add(id ID, row []byte) {
	w.ids = append(w.ids, id[:]...)
	w.bytes = append(w.bytes, row...)
}

// segment is nil without rows.
func (w *writer) segment() *Segment {
	if len(w.ids) == 0 {
		return nil
	}
	b := make([]byte, 0, len(magic)+1+32+2*binary.MaxVarintLen64+len(w.ids)+len(w.bytes))
	b = append(b, magic...)
	b = append(b, format)
	b = append(b, w.space.Maker[:]...)
	b = binary.AppendUvarint(b, uint64(w.space.Dims))
	b = binary.AppendUvarint(b, uint64(len(w.ids)/16))
	at := len(b)
	b = append(b, w.ids...)
	b = append(b, w.bytes...)
	s := &Segment{encoded: b, space: w.space, ids: b[at : at+len(w.ids)]}
	s.measure(b[at+len(w.ids):])
	return s
}

// uvarint reads an unsigned number as package binary writes it. The next place
// is negative when there is none, or when it is longer than it need be.
func uvarint(b []byte, at int) (v uint64, next int) {
	if at < 0 || at >= len(b) {
		return 0, -1
	}
	v, n := binary.Uvarint(b[at:])
	if n <= 0 || n > 1 && b[at+n-1] == 0 {
		return 0, -1
	}
	return v, at + n
}
