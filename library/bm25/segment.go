package bm25

import (
	"bytes"
	"encoding/binary"
	"sort"
	"strings"
)

// Segment is an immutable set of documents by their words, in memory as it is
// encoded (docs/formats/segment.md). The same documents make the same bytes, in
// whatever order they came. It is safe for concurrent use.
type Segment struct {
	encoded  []byte
	analysis uint64
	ids      []byte   // of all documents, ascending
	lengths  []uint32 // of each document, in words
	words    uint64   // of all documents
	terms    int
	dict     []byte // terms, ascending, with the size of their postings
	posts    []byte // postings, in the order of the terms
	heads    []head // of the dictionary's blocks
}

// head is where a block of the dictionary and its first postings begin.
type head struct{ dict, posts uint32 }

const (
	magic    = "abt-bm25"
	format   = 1
	block    = 16      // terms of which the first is written out whole
	maxDocs  = 1 << 24 // of one segment
	maxBytes = 1 << 30 // of one segment
)

// Encoded is the segment's encoding. It must not be changed.
func (s *Segment) Encoded() []byte { return s.encoded }

// Len is the number of documents.
func (s *Segment) Len() int { return len(s.lengths) }

// Current says whether the segment was made by today's [Analysis].
func (s *Segment) Current() bool { return s.analysis == Analysis }

// Holds says whether a document is in the segment.
func (s *Segment) Holds(id ID) bool {
	_, ok := s.find(id)
	return ok
}

// IDs yields the documents in ascending order.
func (s *Segment) IDs(yield func(ID) bool) {
	for doc := range s.lengths {
		if !yield(s.id(uint32(doc))) {
			return
		}
	}
}

func (s *Segment) id(doc uint32) ID { return ID(s.ids[doc*16 : doc*16+16]) }

// find gives the number of a document.
func (s *Segment) find(id ID) (doc uint32, ok bool) {
	at, ok := sort.Find(len(s.lengths), func(i int) int { return bytes.Compare(id[:], s.ids[i*16:i*16+16]) })
	return uint32(at), ok
}

// postings appends the postings of a term to list.
func (s *Segment) postings(list []posting, term string) []posting {
	at, exact := sort.Find(len(s.heads), func(i int) int { return strings.Compare(term, string(s.first(i))) })
	if !exact {
		if at--; at < 0 {
			return list
		}
	}
	c := cursor{s: s, dict: int(s.heads[at].dict), posts: int(s.heads[at].posts)}
	for range block {
		if !c.next() {
			return list
		}
		switch {
		case string(c.term) == term:
			return c.postings(list)
		case string(c.term) > term:
			return list
		}
	}
	return list
}

// first is the first term of a block, which shares nothing with one before.
func (s *Segment) first(block int) []byte {
	_, at := uvarint(s.dict, int(s.heads[block].dict))
	length, at := uvarint(s.dict, at)
	return s.dict[at : at+int(length)]
}

// cursor walks through the dictionary of a segment that was checked.
type cursor struct {
	s     *Segment
	dict  int // where the next entry begins
	posts int // where its postings begin

	term  []byte
	list  []byte // postings of term
	count int    // of documents in list
}

func (c *cursor) next() bool {
	d := c.s.dict
	if c.dict == len(d) {
		return false
	}
	shared, at := uvarint(d, c.dict)
	suffix, at := uvarint(d, at)
	c.term = append(c.term[:shared], d[at:at+int(suffix)]...)
	count, at := uvarint(d, at+int(suffix))
	size, at := uvarint(d, at)
	c.dict, c.count = at, int(count)
	c.list = c.s.posts[c.posts : c.posts+int(size)]
	c.posts += int(size)
	return true
}

func (c *cursor) postings(list []posting) []posting {
	doc, at := uint32(0), 0
	for at < len(c.list) {
		var v, count uint64
		v, at = uvarint(c.list, at)
		count = 1
		if v&1 != 0 {
			count, at = uvarint(c.list, at)
		}
		doc += uint32(v >> 1)
		list = append(list, posting{doc, uint32(count)})
		doc++
	}
	return list
}

// uvarint reads an unsigned number as package binary writes it. The next place
// is negative when there is none, or when it is longer than it need be.
func uvarint(b []byte, at int) (v uint64, next int) {
	if at < 0 || at >= len(b) {
		return 0, -1
	}
	if x := b[at]; x < 0x80 {
		return uint64(x), at + 1
	}
	v, n := binary.Uvarint(b[at:])
	if n <= 0 || b[at+n-1] == 0 {
		return 0, -1
	}
	return v, at + n
}
