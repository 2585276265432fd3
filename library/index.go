package library

import (
	"context"
	"fmt"
	"slices"

	"abaton.local/library/bm25"
	"abaton.local/library/vector"
	"abaton.local/vault"
)

// seal puts the open part of a library's index into a segment in the vault,
// together with segments that are no larger, so that a segment is as a rule
// twice as large as the next smaller one and their number stays small. The
// caller holds writing.
func (l *Libraries) seal(ctx context.Context, x *shelf) error {
	var small []*bm25.Segment
	passages := x.index.Open()
	broken := slices.Clone(l.state.broken)
	if passages == 0 && len(broken) == 0 {
		return nil
	}
	segments := x.index.Segments()
	slices.SortStableFunc(segments, func(a, b *bm25.Segment) int { return a.Len() - b.Len() })
	for _, seg := range segments {
		if seg.Len() > passages || passages+seg.Len() > l.config.MaxSegment {
			break
		}
		small = append(small, seg)
		passages += seg.Len()
	}
	merged := x.index.Merge(small, true, nil)
	e := vault.Edit{Drop: broken}
	for _, seg := range small {
		e.Drop = append(e.Drop, x.kept[seg])
	}
	id := l.putSegment(&e, x.ID, merged)
	if err := l.write(ctx, e); err != nil {
		return fmt.Errorf("sealing the index: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.broken = nil
	x.swap(small, true, merged, id)
	return nil
}

// sealIfDue seals where enough has come. That it fails, on a full disk or one
// that can only be read, is no loss: the words are in the passages, and the next
// sealing or the next opening takes them along. It is not tried again at once.
func (l *Libraries) sealIfDue(ctx context.Context, x *shelf) {
	if x.index.Open() < x.sealAt && len(l.state.broken) == 0 {
		return
	}
	x.sealAt = l.config.SealEvery
	if l.seal(ctx, x) != nil {
		x.sealAt += x.index.Open()
	}
}

// putSegment lets an edit write a segment, which may be nil, into a container of
// its own: its key dies with it.
func (l *Libraries) putSegment(e *vault.Edit, library vault.ID, seg *bm25.Segment) (id vault.ID) {
	if seg != nil {
		id = vault.NewID()
		e.Put = append(e.Put, vault.Put{ID: id, Container: id, Kind: vault.KindWords, Order: l.order(), Payload: segmentPayload(library, seg)})
	}
	return id
}

// swap makes a change of segments that happened that of memory.
func (x *shelf) swap(out []*bm25.Segment, open bool, in *bm25.Segment, id vault.ID) {
	x.index.Swap(out, open, in)
	for _, seg := range out {
		delete(x.kept, seg)
	}
	if in != nil {
		x.kept[in] = id
	}
}

// rewriting is segments of a library made anew without what is removed.
type rewriting struct {
	shelf *shelf
	docs  map[bm25.ID]bool
	from  []*bm25.Segment
	to    []*bm25.Segment // nil where nothing is left
	ids   []vault.ID

	meanings []remade
}

// forget lets an edit replace all segments of a library that hold one of the
// passages by such without it, so that no word of what is removed stays in the
// vault once the edit is made, and no vector. Segments that hold what is dead already are
// replaced, too.
func (l *Libraries) forget(e *vault.Edit, x *shelf, docs map[bm25.ID]bool) rewriting {
	r := rewriting{shelf: x, docs: docs, meanings: l.forgetMeanings(e, x, docs)}
	for _, seg := range x.index.Segments() {
		holds := x.index.Deleted(seg) > 0
		for id := range docs {
			if holds = holds || seg.Holds(id); holds {
				break
			}
		}
		if !holds {
			continue
		}
		left := x.index.Merge([]*bm25.Segment{seg}, false, func(id bm25.ID) bool { return docs[id] })
		e.Drop = append(e.Drop, x.kept[seg])
		r.from, r.to, r.ids = append(r.from, seg), append(r.to, left), append(r.ids, l.putSegment(e, x.ID, left))
	}
	return r
}

// done makes it so in memory; the caller holds both locks.
func (r *rewriting) done() {
	for i := range r.from {
		r.shelf.swap(r.from[i:i+1], false, r.to[i], r.ids[i])
	}
	for _, m := range r.meanings {
		m.of.swap([]*vector.Segment{m.from}, false, m.to, m.id)
	}
	for id := range r.docs {
		r.shelf.index.Delete(id)
		for _, m := range r.shelf.meanings {
			m.index.Delete(vector.ID(id))
		}
	}
}

// write makes an edit. Where nobody can tell whether it happened, the next change
// has to find out (see changing). The caller holds writing.
func (l *Libraries) write(ctx context.Context, e vault.Edit) error {
	doubt, err := vault.Settle(ctx, l.vault, e)
	l.doubt = l.doubt || doubt
	return err
}
