package history

import (
	"context"
	"fmt"
	"slices"

	"abaton.local/library/bm25"
	"abaton.local/vault"
)

// seal puts the open part of the index into a segment in the vault, together
// with segments that are no larger, so that a segment is as a rule twice as
// large as the next smaller one and their number stays small. The caller holds
// writing.
func (h *History) seal(ctx context.Context) error {
	s := h.state
	small, texts := []*bm25.Segment(nil), s.index.Open()
	if texts == 0 && len(s.broken) == 0 {
		return nil
	}
	segments := s.index.Segments()
	slices.SortStableFunc(segments, func(a, b *bm25.Segment) int { return a.Len() - b.Len() })
	for _, seg := range segments {
		if seg.Len() > texts || texts+seg.Len() > h.config.MaxSegment {
			break
		}
		small = append(small, seg)
		texts += seg.Len()
	}
	merged := s.index.Merge(small, true, nil)
	e := vault.Edit{Drop: slices.Clone(s.broken)}
	for _, seg := range small {
		e.Drop = append(e.Drop, s.kept[seg])
	}
	id := h.putSegment(&e, merged)
	if err := h.write(ctx, e); err != nil {
		return fmt.Errorf("sealing the index: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.broken = nil
	s.swap(small, true, merged, id)
	return nil
}

// sealIfDue seals where enough has come. That it fails, on a full disk or one
// that can only be read, is no loss: the words are in the turns, and the next
// sealing or the next opening takes them along. It is not tried again at once.
func (h *History) sealIfDue(ctx context.Context) {
	s := h.state
	if s.index.Open() < s.sealAt {
		return
	}
	s.sealAt = h.config.SealEvery
	if h.seal(ctx) != nil {
		s.sealAt += s.index.Open()
	}
}

// putSegment lets an edit write a segment, which may be nil, into a container of
// its own: its key dies with it.
func (h *History) putSegment(e *vault.Edit, seg *bm25.Segment) (id vault.ID) {
	if seg != nil {
		id = vault.NewID()
		e.Put = append(e.Put, vault.Put{ID: id, Container: id, Kind: vault.KindSegment, Order: uint64(h.config.Now().UnixMilli()), Payload: seg.Encoded()})
	}
	return id
}

// swap makes a change of segments that happened that of memory.
func (s *state) swap(out []*bm25.Segment, open bool, in *bm25.Segment, id vault.ID) {
	s.index.Swap(out, open, in)
	for _, seg := range out {
		delete(s.kept, seg)
	}
	if in != nil {
		s.kept[in] = id
	}
}

// rewriting is segments made anew without what is deleted.
type rewriting struct {
	from []*bm25.Segment
	to   []*bm25.Segment // nil where nothing is left
	ids  []vault.ID
}

// forget lets an edit replace all segments that hold one of the documents by
// such without it, so that no word of what is deleted stays in the vault once
// the edit is made.
func (h *History) forget(e *vault.Edit, docs map[bm25.ID]bool) (r rewriting) {
	s := h.state
	for _, seg := range s.index.Segments() {
		holds := s.index.Deleted(seg) > 0
		for id := range docs {
			if holds = holds || seg.Holds(id); holds {
				break
			}
		}
		if !holds {
			continue
		}
		left := s.index.Merge([]*bm25.Segment{seg}, false, func(id bm25.ID) bool { return docs[id] })
		e.Drop = append(e.Drop, s.kept[seg])
		r.from, r.to, r.ids = append(r.from, seg), append(r.to, left), append(r.ids, h.putSegment(e, left))
	}
	return r
}

// forgotten makes it so in memory; the caller holds both locks.
func (s *state) forgotten(r rewriting, docs map[bm25.ID]bool) {
	for i := range r.from {
		s.swap(r.from[i:i+1], false, r.to[i], r.ids[i])
	}
	for id := range docs {
		s.index.Delete(id)
	}
}

// write makes an edit. Where nobody can tell whether it happened, the next change
// has to find out (see changing). The caller holds writing.
func (h *History) write(ctx context.Context, e vault.Edit) error {
	doubt, err := vault.Settle(ctx, h.vault, e)
	h.doubt = h.doubt || doubt
	return err
}
