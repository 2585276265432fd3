package history

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"abaton.local/library/bm25"
	"abaton.local/vault"
)

// load makes the state from what is in the vault. The caller holds writing.
func (h *History) load(ctx context.Context) error {
	s := &state{
		conversations: make(map[vault.ID]*Conversation),
		last:          make(map[vault.ID]uint64),
		titles:        make(map[bm25.ID]vault.ID),
		index:         bm25.NewIndex(),
		kept:          make(map[*bm25.Segment]vault.ID),
		sealAt:        h.config.SealEvery,
	}
	if err := s.readConversations(ctx, h.vault); err != nil {
		return err
	}
	// unseen are the texts that must be found and are in no segment yet.
	unseen := make(map[bm25.ID]bool)
	for _, r := range h.vault.List(vault.KindTurn, vault.ID{}) {
		unseen[bm25.ID(r.ID)] = true
		c := s.conversations[r.Container]
		if c == nil {
			c = &Conversation{ID: r.Container, Damaged: true}
			s.conversations[r.Container] = c
			s.damage = append(s.damage, fmt.Errorf("conversation %v: %w", r.Container, errPayload))
		}
		c.Turns++
		s.last[r.Container] = max(s.last[r.Container], r.Order)
	}
	for id, c := range s.conversations {
		c.touch(s.last[id])
		if c.Named {
			doc := titleDoc(id, c.Title)
			s.titles[doc] = id
			unseen[doc] = true
		}
	}
	if err := s.readSegments(ctx, h.vault, unseen); err != nil {
		return err
	}
	h.mu.Lock()
	h.state, h.doubt = s, false
	h.mu.Unlock()
	return h.indexRest(ctx, unseen)
}

// touch sets the time of the last turn from its order.
func (c *Conversation) touch(last uint64) {
	c.Updated = c.Created
	if last > 0 {
		c.Updated = moment(int64(last))
	}
}

func (s *state) readConversations(ctx context.Context, v Vault) error {
	for got, err := range v.ReadMany(ctx, idsOf(v.List(vault.KindConversation, vault.ID{}))) {
		if err == nil {
			var c Conversation
			if c, err = parseConversation(got.Payload); err == nil {
				c.ID, c.Instruction = got.ID, "" // which may be long, and is not needed for a list
				s.conversations[got.ID] = &c
				continue
			}
		}
		if !single(err, got.ID) {
			return fmt.Errorf("opening the history: %w", err)
		}
		s.conversations[got.ID] = &Conversation{ID: got.ID, Damaged: true}
		s.damage = append(s.damage, fmt.Errorf("conversation %v: %w", got.ID, err))
	}
	return nil
}

// readSegments attaches the segments that are sound, and takes what they hold
// out of unseen.
func (s *state) readSegments(ctx context.Context, v Vault, unseen map[bm25.ID]bool) error {
	wanted := func(id bm25.ID) bool {
		is := unseen[id]
		delete(unseen, id)
		return is
	}
	for got, err := range v.ReadMany(ctx, idsOf(v.List(vault.KindSegment, vault.ID{}))) {
		var seg *bm25.Segment
		if err == nil {
			seg, err = bm25.Decode(got.Payload)
		} else if !single(err, got.ID) {
			return fmt.Errorf("opening the index: %w", err)
		}
		if err != nil {
			s.damage = append(s.damage, fmt.Errorf("segment %v: %w", got.ID, err))
		}
		if err != nil || !seg.Current() {
			s.broken = append(s.broken, got.ID)
			continue
		}
		s.index.Attach(seg, wanted)
		s.kept[seg] = got.ID
	}
	return nil
}

// indexRest indexes what is in no segment, from the turns themselves.
func (h *History) indexRest(ctx context.Context, unseen map[bm25.ID]bool) error {
	s := h.state
	var turns []vault.ID
	for id := range unseen {
		if c, ok := s.titles[id]; ok {
			s.index.Add(bm25.Document{ID: id, Text: s.conversations[c].Title})
		} else {
			turns = append(turns, vault.ID(id))
		}
	}
	for got, err := range h.vault.ReadMany(ctx, turns) {
		if err == nil {
			var t Turn
			if t, err = parseTurn(got.Payload); err == nil {
				s.index.Add(bm25.Document{ID: bm25.ID(got.ID), Text: t.Text})
				if s.index.Open() >= h.config.MaxSegment {
					h.sealIfDue(ctx)
				}
				continue
			}
		}
		if !single(err, got.ID) {
			return fmt.Errorf("indexing: %w", err)
		}
		s.damage = append(s.damage, fmt.Errorf("turn %v: %w", got.ID, err))
	}
	if len(s.broken) > 0 {
		s.sealAt = 0
	}
	h.sealIfDue(ctx)
	return nil
}

// single says whether an error is about one record, so that the others can be
// read all the same. What a later version wrote is no damage: it is refused.
func single(err error, id vault.ID) bool {
	if id == (vault.ID{}) {
		return false
	}
	_, damaged := errors.AsType[*vault.Damage](err)
	return damaged || errors.Is(err, errPayload) || errors.Is(err, vault.ErrNoRecord)
}

func idsOf(records []vault.Record) []vault.ID {
	ids := make([]vault.ID, len(records))
	for i, r := range records {
		ids[i] = r.ID
	}
	return ids
}

// titleDoc names a title in the index. The name changes with the title, so that
// a segment never holds an old title under the name of a new one.
func titleDoc(conversation vault.ID, title string) bm25.ID {
	h := sha256.New()
	h.Write([]byte("abaton.local/history title v1\x00"))
	h.Write(conversation[:])
	h.Write([]byte(title))
	return bm25.ID(h.Sum(nil)[:16])
}
