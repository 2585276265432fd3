package bm25

import (
	"bytes"
	"slices"
	"sync"
)

// Index is what may be searched: segments and an open part. It is safe for
// concurrent use.
type Index struct {
	mu       sync.RWMutex
	parts    []*part // guarded by mu
	open     *open   // guarded by mu
	dead     marks   // of the open part, guarded by mu
	analyzer analyzer
}

// part is a segment of an index and which of its documents are deleted.
type part struct {
	seg  *Segment
	dead marks
}

// NewIndex makes an index without documents.
func NewIndex() *Index { return &Index{open: newOpen()} }

// Add takes documents into the open part. One whose ID is there already takes
// its place. The text is not kept.
func (x *Index) Add(docs ...Document) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, d := range docs {
		x.delete(d.ID)
		x.open.add(&x.analyzer, d)
	}
}

// Delete takes documents away; they are found no more from now on.
func (x *Index) Delete(ids ...ID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, id := range ids {
		x.delete(id)
	}
}

func (x *Index) delete(id ID) {
	if doc, ok := x.open.place[id]; ok {
		x.dead.put(doc)
		delete(x.open.place, id)
		return
	}
	for _, p := range x.parts {
		if doc, ok := p.seg.find(id); ok && p.dead.put(doc) {
			return
		}
	}
}

// Attach lets a segment be searched. Those of its documents for which live is
// false, and those that are there already, are deleted in it.
func (x *Index) Attach(s *Segment, live func(ID) bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := &part{seg: s}
	for doc := range uint32(s.Len()) {
		id := s.id(doc)
		if _, here := x.open.place[id]; here || !live(id) {
			p.dead.put(doc)
		}
	}
	for _, other := range x.parts {
		common(s, other.seg, func(mine, theirs uint32) {
			if !other.dead.has(theirs) {
				p.dead.put(mine)
			}
		})
	}
	x.parts = append(x.parts, p)
}

// common calls f for each document that is in both.
func common(a, b *Segment, f func(a, b uint32)) {
	for i, k := uint32(0), uint32(0); int(i) < a.Len() && int(k) < b.Len(); {
		switch bytes.Compare(a.ids[i*16:i*16+16], b.ids[k*16:k*16+16]) {
		case -1:
			i++
		case 1:
			k++
		default:
			f(i, k)
			i++
			k++
		}
	}
}

// Segments are the segments that are attached, in order of coming.
func (x *Index) Segments() []*Segment {
	x.mu.RLock()
	defer x.mu.RUnlock()
	list := make([]*Segment, len(x.parts))
	for i, p := range x.parts {
		list[i] = p.seg
	}
	return list
}

// Deleted is the number of deleted documents that a segment still holds.
func (x *Index) Deleted(s *Segment) int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, p := range x.parts {
		if p.seg == s {
			return p.dead.count
		}
	}
	return 0
}

// Has says whether a document is there.
func (x *Index) Has(id ID) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if _, ok := x.open.place[id]; ok {
		return true
	}
	return slices.ContainsFunc(x.parts, func(p *part) bool {
		doc, ok := p.seg.find(id)
		return ok && !p.dead.has(doc)
	})
}

// Len is the number of documents, and Open of those in the open part.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	n, _ := x.size()
	return n
}

// Open is the number of documents that are in no segment yet.
func (x *Index) Open() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.open.place)
}

// Merge makes one segment of attached ones and, if open is true, of the open
// part, leaving out what is deleted and what without names; nil when nothing
// is left. The index is as it was: [Index.Swap] puts the segment in place.
func (x *Index) Merge(segments []*Segment, open bool, without func(ID) bool) *Segment {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var sources []source
	add := func(s *Segment, dead *marks) {
		sources = append(sources, source{s, func(doc uint32) bool {
			return dead.has(doc) || without != nil && without(s.id(doc))
		}})
	}
	for _, p := range x.parts {
		if slices.Contains(segments, p.seg) {
			add(p.seg, &p.dead)
		}
	}
	if open {
		if s := x.open.segment(&x.dead); s != nil {
			add(s, new(marks))
		}
	}
	return merge(sources)
}

// Swap puts what [Index.Merge] made, which may be nil, in the place of what it
// was made of. Nothing may have been added or deleted between the two.
func (x *Index) Swap(segments []*Segment, open bool, merged *Segment) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.parts = slices.DeleteFunc(x.parts, func(p *part) bool { return slices.Contains(segments, p.seg) })
	if open {
		x.open, x.dead = newOpen(), marks{}
	}
	if merged != nil {
		x.parts = append(x.parts, &part{seg: merged})
	}
}

// Build makes a segment of documents, nil of none. Of two that have one ID the
// later counts.
func Build(docs ...Document) *Segment {
	x := NewIndex()
	x.Add(docs...)
	return x.Merge(nil, true, nil)
}
