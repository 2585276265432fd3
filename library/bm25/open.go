package bm25

import (
	"bytes"
	"slices"
)

// open is the part of an index that grows. Its documents have numbers in order
// of coming; those of a document that is deleted are not given again.
type open struct {
	ids     []ID
	lengths []uint32 // in words
	place   map[ID]uint32
	number  map[string]uint32 // of each term
	lists   [][]posting       // by number, each in ascending order of documents
}

func newOpen() *open {
	return &open{place: make(map[ID]uint32), number: make(map[string]uint32)}
}

// add takes a document whose ID is not there.
func (o *open) add(a *analyzer, d Document) {
	doc := uint32(len(o.ids))
	length := a.terms(d.Text, func(term string) {
		n, ok := o.number[term]
		if !ok {
			n = uint32(len(o.lists))
			o.number[term] = n
			o.lists = append(o.lists, nil)
		}
		list := o.lists[n]
		if last := len(list) - 1; last >= 0 && list[last].doc == doc {
			list[last].count++
			return
		}
		o.lists[n] = append(list, posting{doc, 1})
	})
	o.ids = append(o.ids, d.ID)
	o.lengths = append(o.lengths, length)
	o.place[d.ID] = doc
}

// segment is the open part in the form that is kept, without the documents that
// are dead; nil when none lives.
func (o *open) segment(dead *marks) *Segment {
	order := make([]uint32, 0, len(o.ids))
	for doc := range o.ids {
		if !dead.has(uint32(doc)) {
			order = append(order, uint32(doc))
		}
	}
	if len(order) == 0 {
		return nil
	}
	slices.SortFunc(order, func(a, b uint32) int { return bytes.Compare(o.ids[a][:], o.ids[b][:]) })
	w := newWriter(len(order))
	moved := make([]uint32, len(o.ids))
	for to, from := range order {
		w.doc(o.ids[from], o.lengths[from])
		moved[from] = uint32(to)
	}
	terms := make([]string, 0, len(o.number))
	for t := range o.number {
		terms = append(terms, t)
	}
	slices.Sort(terms)
	var list []posting
	for _, t := range terms {
		list = list[:0]
		for _, p := range o.lists[o.number[t]] {
			if !dead.has(p.doc) {
				list = append(list, posting{moved[p.doc], p.count})
			}
		}
		if len(list) == 0 {
			continue
		}
		slices.SortFunc(list, func(a, b posting) int { return int(a.doc) - int(b.doc) })
		w.term(t, list)
	}
	return w.segment()
}

// marks is a set of documents of one part.
type marks struct {
	bits  []uint64
	count int
}

func (m *marks) has(doc uint32) bool {
	return m.count > 0 && int(doc>>6) < len(m.bits) && m.bits[doc>>6]>>(doc&63)&1 != 0
}

// put adds a document; added says whether it was not there.
func (m *marks) put(doc uint32) (added bool) {
	if m.has(doc) {
		return false
	}
	for int(doc>>6) >= len(m.bits) {
		m.bits = append(m.bits, 0)
	}
	m.bits[doc>>6] |= 1 << (doc & 63)
	m.count++
	return true
}
