package bm25

import (
	"bytes"
	"errors"
	"fmt"
	"math"
)

// NewerError says that a segment has a format of later versions.
type NewerError struct{ Format int }

func (e *NewerError) Error() string {
	return fmt.Sprintf("a search segment has format %d, this program reads %d: use the version that wrote it, or let this one build it anew", e.Format, format)
}

var errDamaged = errors.New("a search segment is damaged; it can be built anew from the texts")

// Decode reads an encoding, which it keeps and which must not be changed
// afterwards. Bytes that no segment encodes to are refused; whatever they are,
// it takes memory in proportion to them and time in proportion to their length.
func Decode(b []byte) (*Segment, error) {
	if len(b) < len(magic)+1 || len(b) > maxBytes || string(b[:len(magic)]) != magic {
		return nil, errDamaged
	}
	if f := b[len(magic)]; f != format {
		return nil, &NewerError{int(f)}
	}
	s := &Segment{encoded: b}
	var n, terms, size uint64
	s.analysis, n = 0, 0
	at := len(magic) + 1
	s.analysis, at = uvarint(b, at)
	n, at = uvarint(b, at)
	if at < 0 || n == 0 || n > maxDocs || n > uint64(len(b)-at)/17 {
		return nil, errDamaged
	}
	s.ids = b[at : at+int(n)*16]
	at += int(n) * 16
	for i := 16; i < len(s.ids); i += 16 {
		if bytes.Compare(s.ids[i-16:i], s.ids[i:i+16]) >= 0 {
			return nil, errDamaged
		}
	}
	s.lengths = make([]uint32, n)
	for i := range s.lengths {
		var l uint64
		if l, at = uvarint(b, at); at < 0 || l > math.MaxUint32 {
			return nil, errDamaged
		}
		s.lengths[i] = uint32(l)
		s.words += l
	}
	terms, at = uvarint(b, at)
	size, at = uvarint(b, at)
	if at < 0 || size > uint64(len(b)-at) || terms > size/4 {
		return nil, errDamaged
	}
	s.terms = int(terms)
	s.dict = b[at : at+int(size)]
	at += int(size)
	size, at = uvarint(b, at)
	if at < 0 || size != uint64(len(b)-at) {
		return nil, errDamaged
	}
	s.posts = b[at:]
	if !s.check() {
		return nil, errDamaged
	}
	return s, nil
}

// check goes through dictionary and postings once, so that searching need not
// doubt them, and finds the blocks.
func (s *Segment) check() bool {
	s.heads = make([]head, 0, (s.terms+block-1)/block)
	d, at, posts := s.dict, 0, 0
	term, previous := make([]byte, 0, maxTerm), make([]byte, 0, maxTerm)
	for i := range s.terms {
		if i%block == 0 {
			s.heads = append(s.heads, head{uint32(at), uint32(posts)})
		}
		var shared, suffix, count, size uint64
		shared, at = uvarint(d, at)
		suffix, at = uvarint(d, at)
		if at < 0 || suffix == 0 || suffix > maxTerm || shared > maxTerm-suffix || suffix > uint64(len(d)-at) || shared > uint64(len(previous)) || i%block == 0 && shared != 0 {
			return false
		}
		term = append(append(term[:0], previous[:shared]...), d[at:at+int(suffix)]...)
		at += int(suffix)
		if i > 0 && bytes.Compare(previous, term) >= 0 {
			return false
		}
		// The longest beginning is shared, or there would be two encodings.
		if i%block != 0 && int(shared) < len(previous) && previous[shared] == term[shared] {
			return false
		}
		count, at = uvarint(d, at)
		size, at = uvarint(d, at)
		if at < 0 || count == 0 || count > uint64(len(s.lengths)) || size > uint64(len(s.posts)-posts) || !s.sound(s.posts[posts:posts+int(size)], int(count)) {
			return false
		}
		posts += int(size)
		previous, term = term, previous
	}
	return at == len(d) && posts == len(s.posts)
}

// sound checks the postings of one term: count documents, ascending, that are there.
func (s *Segment) sound(list []byte, count int) bool {
	next, at := uint64(0), 0
	for range count {
		var v uint64
		if at < len(list) && list[at] < 0x80 { // nearly always
			v = uint64(list[at])
			at++
		} else if v, at = uvarint(list, at); at < 0 {
			return false
		}
		if next += v>>1 + 1; v > math.MaxUint32 || next > uint64(len(s.lengths)) {
			return false
		}
		if v&1 != 0 {
			if v, at = uvarint(list, at); at < 0 || v < 2 || v > math.MaxUint32 {
				return false
			}
		}
	}
	return at == len(list)
}
