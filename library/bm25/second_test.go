package bm25

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// second reads a segment as docs/formats/segment.md tells it, and shares no code
// with the product. It trusts what it reads.
type second struct {
	lengths map[[16]byte]uint64
	counts  map[string]map[[16]byte]uint64 // by term
}

func readSecond(b []byte) second {
	take := func(n uint64) []byte {
		part := b[:n]
		b = b[n:]
		return part
	}
	u := func() (v uint64) {
		for shift := 0; ; shift += 7 {
			x := take(1)[0]
			v |= uint64(x&127) << shift
			if x < 128 {
				return v
			}
		}
	}
	if string(take(8)) != "abt-bm25" || take(1)[0] != 1 || u() != 1 {
		panic("another format")
	}
	s := second{make(map[[16]byte]uint64), make(map[string]map[[16]byte]uint64)}
	ids := make([][16]byte, u())
	for i := range ids {
		ids[i] = [16]byte(take(16))
	}
	for _, id := range ids {
		s.lengths[id] = u()
	}
	type entry struct {
		term        string
		count, size uint64
	}
	entries := make([]entry, u())
	u() // the dictionary's size, which its entries tell too
	before := ""
	for i := range entries {
		shared, rest := u(), u()
		before = before[:shared] + string(take(rest))
		entries[i] = entry{before, u(), u()}
	}
	u()
	for _, e := range entries {
		s.counts[e.term] = make(map[[16]byte]uint64)
		left := len(b) - int(e.size)
		doc := uint64(0)
		for range e.count {
			v, n := u(), uint64(1)
			doc += v >> 1
			if v&1 == 1 {
				n = u()
			}
			s.counts[e.term][ids[doc]] = n
			doc++
		}
		if len(b) != left {
			panic("postings of another size")
		}
	}
	if len(b) > 0 {
		panic("something follows")
	}
	return s
}

// The page describes what is written: a reader made of it alone finds every
// term of every text.
func TestSecondReader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := second{make(map[[16]byte]uint64), make(map[string]map[[16]byte]uint64)}
		var docs []Document
		for i, text := range rapid.SliceOfN(rapid.OneOf(aText(), rapid.String()), 1, 40).Draw(t, "texts") {
			id := ID{byte(i * 37)}
			docs = append(docs, Document{id, text})
			var a analyzer
			want.lengths[id] = uint64(a.terms(text, func(term string) {
				if want.counts[term] == nil {
					want.counts[term] = make(map[[16]byte]uint64)
				}
				want.counts[term][id]++
			}))
		}
		got := readSecond(Build(docs...).Encoded())
		if d := cmp.Diff(want, got, cmp.AllowUnexported(second{})); d != "" {
			t.Fatal(d)
		}
	})
}

// And it reads the fixture.
func TestSecondReaderReadsTheFixture(t *testing.T) {
	s := readSecond(fixture(t, "format1.hex"))
	if s.counts["rain"][[16]byte{9}] != 300 || s.counts["10.0.0.1"][[16]byte{1}] != 1 || s.lengths[[16]byte{2}] != 0 || len(s.lengths) != 5 {
		t.Errorf("%d documents, %v", len(s.lengths), s.counts["rain"])
	}
}
