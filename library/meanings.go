package library

import (
	"context"
	"fmt"
	"slices"

	"abaton.local/library/bm25"
	"abaton.local/library/vector"
	"abaton.local/vault"
)

// meanings are the vectors of one library's passages, all of one model. Where
// another model took its place, a library has those of both for a while.
type meanings struct {
	index *vector.Index                // has locks of its own
	kept  map[*vector.Segment]vault.ID // where a segment lies in the vault
	tried int                          // vectors there were when the index was calibrated
}

// maker is a model whose vectors there are, and the record that says so; zero
// while none of its vectors is kept.
type maker struct {
	Model
	record vault.ID
}

// meaningsOf gives those of a model, which may have none yet. The caller holds
// what guards the state for writing.
func (x *shelf) meaningsOf(space vector.Space) (*meanings, error) {
	if m := x.meanings[space]; m != nil {
		return m, nil
	}
	index, err := vector.NewIndex(space)
	if err != nil {
		return nil, err
	}
	m := &meanings{index: index, kept: make(map[*vector.Segment]vault.ID)}
	x.meanings[space] = m
	return m, nil
}

// count is how many passages of a library a model made vectors of.
func (x *shelf) count(space vector.Space) int {
	if m := x.meanings[space]; m != nil {
		return m.index.Len()
	}
	return 0
}

// mostVectors bounds a segment in bytes, whatever a model's width: removing a
// document writes those anew that held something of it.
const mostVectors = 16 << 20

// sealMeanings puts the vectors of a library that came since into a segment in
// the vault, as seal does with words. The caller holds writing.
func (l *Libraries) sealMeanings(ctx context.Context, x *shelf, space vector.Space) error {
	m := x.meanings[space]
	if m == nil || m.index.Open() == 0 {
		return nil
	}
	most := min(l.config.MaxSegment, mostVectors/(16+space.Dims))
	var small []*vector.Segment
	size := m.index.Open()
	segments := m.index.Segments()
	slices.SortStableFunc(segments, func(a, b *vector.Segment) int { return a.Len() - b.Len() })
	for _, seg := range segments {
		if seg.Len() > size || size+seg.Len() > most {
			break
		}
		small = append(small, seg)
		size += seg.Len()
	}
	merged := m.index.Merge(small, true, nil)
	e := vault.Edit{Drop: slices.Clone(l.state.broken)}
	for _, seg := range small {
		e.Drop = append(e.Drop, m.kept[seg])
	}
	id := l.putVectors(&e, x.ID, merged)
	made := l.state.makers[space]
	if made.record == (vault.ID{}) {
		made.record = vault.NewID()
		e.Put = append(e.Put, vault.Put{ID: made.record, Container: made.record, Kind: vault.KindEmbedder, Order: l.order(), Payload: made.payload()})
	}
	if err := l.write(ctx, e); err != nil {
		return fmt.Errorf("sealing vectors: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.broken = nil
	l.state.makers[space] = made
	m.swap(small, true, merged, id)
	return nil
}

// putVectors lets an edit write a segment, which may be nil.
func (l *Libraries) putVectors(e *vault.Edit, library vault.ID, seg *vector.Segment) (id vault.ID) {
	if seg != nil {
		id = vault.NewID()
		e.Put = append(e.Put, vault.Put{ID: id, Container: id, Kind: vault.KindMeanings, Order: l.order(), Payload: vectorsPayload(library, seg)})
	}
	return id
}

// order is that of a record of an index: when it was written.
func (l *Libraries) order() uint64 { return uint64(max(0, l.config.Now().UnixMilli())) }

// swap makes a change of segments that happened that of memory.
func (m *meanings) swap(out []*vector.Segment, open bool, in *vector.Segment, id vault.ID) {
	m.index.Swap(out, open, in)
	for _, seg := range out {
		delete(m.kept, seg)
	}
	if in != nil {
		m.kept[in] = id
	}
}

// remade is a segment of vectors made anew without what is removed.
type remade struct {
	of       *meanings
	from, to *vector.Segment // to is nil where nothing is left
	id       vault.ID
}

// forgetMeanings is forget for vectors: a text can be guessed from its own.
func (l *Libraries) forgetMeanings(e *vault.Edit, x *shelf, docs map[bm25.ID]bool) (all []remade) {
	for _, m := range x.meanings {
		for _, seg := range m.index.Segments() {
			holds := m.index.Deleted(seg) > 0
			for id := range docs {
				if holds = holds || seg.Holds(vector.ID(id)); holds {
					break
				}
			}
			if !holds {
				continue
			}
			left := m.index.Merge([]*vector.Segment{seg}, false, func(id vector.ID) bool { return docs[bm25.ID(id)] })
			e.Drop = append(e.Drop, m.kept[seg])
			all = append(all, remade{m, seg, left, l.putVectors(e, x.ID, left)})
		}
	}
	return all
}

// readMeanings attaches the segments of vectors that are sound.
func (l *Libraries) readMeanings(ctx context.Context, s *state) error {
	for got, err := range l.vault.ReadMany(ctx, idsOf(l.vault.List(vault.KindEmbedder, vault.ID{}))) {
		var m Model
		if err == nil {
			m, err = parseModel(got.Payload)
		} else if !single(err, got.ID) {
			return fmt.Errorf("opening the vectors: %w", err)
		}
		if err != nil {
			s.damage = append(s.damage, fmt.Errorf("embedder %v: %w", got.ID, err))
			s.broken = append(s.broken, got.ID)
			continue
		}
		s.makers[m.space()] = maker{m, got.ID}
	}
	for got, err := range l.vault.ReadMany(ctx, idsOf(l.vault.List(vault.KindMeanings, vault.ID{}))) {
		var seg *vector.Segment
		var in vault.ID
		if err == nil {
			in, seg, err = parseVectors(got.Payload)
		} else if !single(err, got.ID) {
			return fmt.Errorf("opening the vectors: %w", err)
		}
		if err == nil {
			err = s.attach(in, seg, got.ID)
		}
		if err != nil {
			s.damage = append(s.damage, fmt.Errorf("vectors %v: %w", got.ID, err))
			s.broken = append(s.broken, got.ID)
		}
	}
	return nil
}

// attach takes a segment of vectors of a library that lies in the vault.
func (s *state) attach(in vault.ID, seg *vector.Segment, at vault.ID) error {
	x := s.shelves[in]
	if _, known := s.makers[seg.Space()]; !known || x == nil {
		return errPayload
	}
	m, err := x.meaningsOf(seg.Space())
	if err != nil {
		return err
	}
	m.kept[seg] = at
	return m.index.Attach(seg, func(id vector.ID) bool {
		k, n := placeOf(bm25.ID(id))
		d := s.documents[s.keys[k]]
		return d != nil && d.Library == in && n < d.Passages
	})
}
