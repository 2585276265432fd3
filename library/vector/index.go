package vector

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
)

// Index is what may be searched: segments and an open part. It is safe for
// concurrent use.
type Index struct {
	space Space

	mu    sync.RWMutex
	parts []*part    // guarded by mu; the first is the open one
	place map[ID]int // of the open part, guarded by mu
	tried trial      // guarded by mu
}

// part is a segment of an index, or its open part, and which of its vectors
// are deleted.
type part struct {
	seg  *Segment // nil for the open part
	ids  []ID     // of the open part
	rows *rows
	dead []uint64
	gone int // how many are dead
}

func (p *part) id(i int) ID {
	if p.seg != nil {
		return p.seg.id(i)
	}
	return p.ids[i]
}

func (p *part) isDead(i int) bool {
	return p.gone > 0 && i>>6 < len(p.dead) && p.dead[i>>6]>>(i&63)&1 != 0
}

func (p *part) kill(i int) {
	if p.isDead(i) {
		return
	}
	for i>>6 >= len(p.dead) {
		p.dead = append(p.dead, 0)
	}
	p.dead[i>>6] |= 1 << (i & 63)
	p.gone++
}

// NewIndex makes an index without vectors.
func NewIndex(space Space) (*Index, error) {
	if space.Dims < 1 || space.Dims > maxDims {
		return nil, &VectorError{fmt.Sprintf("the model has %d dimensions, at most %d are taken", space.Dims, maxDims)}
	}
	x := &Index{space: space}
	x.reopen()
	return x, nil
}

// reopen puts an empty open part first.
func (x *Index) reopen() {
	open := &part{rows: &rows{dims: x.space.Dims}}
	x.place = make(map[ID]int)
	if len(x.parts) == 0 {
		x.parts = []*part{open}
	}
	x.parts[0] = open
}

// Add takes a vector into the open part. One whose ID is there already gives way.
func (x *Index) Add(id ID, v []float32) error {
	numbers, err := quantize(v, x.space.Dims, top)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.delete(id)
	open := x.parts[0]
	i := open.rows.len()
	for _, n := range numbers {
		open.rows.bytes = append(open.rows.bytes, byte(int8(n)))
	}
	open.rows.measure(open.rows.row(i))
	open.ids = append(open.ids, id)
	x.place[id] = i
	return nil
}

// Delete takes vectors away; they are found no more from now on.
func (x *Index) Delete(ids ...ID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, id := range ids {
		x.delete(id)
	}
}

func (x *Index) delete(id ID) {
	if i, ok := x.place[id]; ok {
		x.parts[0].kill(i)
		clear(x.parts[0].rows.row(i)) // a text can be guessed from its vector
		clear(x.parts[0].rows.sign(i))
		delete(x.place, id)
		return
	}
	for _, p := range x.parts[1:] {
		if i, ok := p.seg.find(id); ok && !p.isDead(i) {
			p.kill(i)
			return
		}
	}
}

// Attach lets a segment be searched. Those of its vectors for which live is
// false, and those that are there already, are deleted in it.
func (x *Index) Attach(s *Segment, live func(ID) bool) error {
	if s.space != x.space {
		return &SpaceError{s.space, x.space}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	p := &part{seg: s, rows: &s.rows}
	for i := range s.Len() {
		if id := s.id(i); !live(id) || x.has(id) {
			p.kill(i)
		}
	}
	x.parts = append(x.parts, p)
	return nil
}

func (x *Index) has(id ID) bool {
	if _, ok := x.place[id]; ok {
		return true
	}
	return slices.ContainsFunc(x.parts[1:], func(p *part) bool {
		i, ok := p.seg.find(id)
		return ok && !p.isDead(i)
	})
}

// Has says whether a vector is there.
func (x *Index) Has(id ID) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.has(id)
}

// Len is the number of vectors, and Open of those that are in no segment yet.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.size()
}

func (x *Index) size() (n int) {
	for _, p := range x.parts {
		n += p.rows.len() - p.gone
	}
	return n
}

// Open is the number of vectors that are in no segment yet.
func (x *Index) Open() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.place)
}

// Segments are the segments that are attached, in order of coming.
func (x *Index) Segments() []*Segment {
	x.mu.RLock()
	defer x.mu.RUnlock()
	list := make([]*Segment, len(x.parts)-1)
	for i, p := range x.parts[1:] {
		list[i] = p.seg
	}
	return list
}

// Deleted is the number of deleted vectors that a segment still holds.
func (x *Index) Deleted(s *Segment) int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, p := range x.parts[1:] {
		if p.seg == s {
			return p.gone
		}
	}
	return 0
}

// Merge makes one segment of attached ones and, if open is true, of the open
// part, leaving out what is deleted and what without names; nil when nothing
// is left. The index is as it was: [Index.Swap] puts the segment in place.
func (x *Index) Merge(segments []*Segment, open bool, without func(ID) bool) *Segment {
	x.mu.RLock()
	defer x.mu.RUnlock()
	type living struct {
		id  ID
		row []byte
	}
	var all []living
	for k, p := range x.parts {
		if k == 0 && !open || k > 0 && !slices.Contains(segments, p.seg) {
			continue
		}
		for i := range p.rows.len() {
			if id := p.id(i); !p.isDead(i) && (without == nil || !without(id)) {
				all = append(all, living{id, p.rows.row(i)})
			}
		}
	}
	slices.SortFunc(all, func(a, b living) int { return bytes.Compare(a.id[:], b.id[:]) })
	w := writer{space: x.space, ids: make([]byte, 0, 16*len(all)), bytes: make([]byte, 0, x.space.Dims*len(all))}
	for _, v := range all {
		w.add(v.id, v.row)
	}
	return w.segment()
}

// Swap puts what [Index.Merge] made, which may be nil, in the place of what it
// was made of. Nothing may have been added or deleted between the two.
func (x *Index) Swap(segments []*Segment, open bool, merged *Segment) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.parts = slices.DeleteFunc(x.parts, func(p *part) bool { return p.seg != nil && slices.Contains(segments, p.seg) })
	if open {
		x.reopen()
	}
	if merged != nil {
		x.parts = append(x.parts, &part{seg: merged, rows: &merged.rows})
	}
}
