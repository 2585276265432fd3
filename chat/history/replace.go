package history

import (
	"context"
	"fmt"

	"abaton.local/library/bm25"
	"abaton.local/vault"
)

// Replace puts turns, which may be none, in the place of the turn named and all
// that was said after it, in one piece: how an answer that broke off is gone on
// with, and a version is removed. Other versions stay. Once it returns without an
// error no word of what was replaced is in the vault, its index included.
func (h *History) Replace(ctx context.Context, id, from vault.ID, turns ...Turn) ([]Turn, error) {
	h.writing.Lock()
	defer h.writing.Unlock()
	s, c, err := h.conversation(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("replacing a message: %w", err)
	}
	var e vault.Edit
	gone, left, after, err := h.without(ctx, id, from)
	if err != nil {
		return nil, fmt.Errorf("replacing a message: %w", err)
	}
	e.Delete = gone
	docs := make(map[bm25.ID]bool)
	for _, x := range gone {
		docs[bm25.ID(x)] = true
	}
	last := uint64(0)
	if n := len(left); n > 0 {
		last = left[n-1].Order
	}
	begins := after == id
	if !c.Named && begins { // its title was made of what goes
		if c.Title, err = h.titleLeft(ctx, left); err != nil {
			return nil, fmt.Errorf("replacing a message: %w", err)
		}
	}
	c.Turns -= len(e.Delete)
	kept, added, err := h.puts(&e, last, &c, plainly(id, after, left), turns)
	if err == nil {
		if begins {
			err = h.putTitle(ctx, &e, &c, kept)
		} else {
			err = h.putHead(ctx, &e, &c, false, kept)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("replacing a message: %w", err)
	}
	r := h.forget(&e, docs)
	if err := h.write(ctx, e); err != nil {
		return nil, fmt.Errorf("replacing a message: %w", err)
	}
	h.mu.Lock()
	s.forgotten(r, docs)
	s.last[id] = last
	s.adopt(&c, added, &e)
	h.mu.Unlock()
	h.sealIfDue(ctx)
	return kept, nil
}

// without finds what goes with a turn, what is left, and which turn it followed:
// the conversation's ID where it began it. Only what was written after it is read.
func (h *History) without(ctx context.Context, id, from vault.ID) (gone []vault.ID, left []vault.Record, after vault.ID, err error) {
	records := h.vault.List(vault.KindTurn, id)
	at := 0
	for at < len(records) && records[at].ID != from {
		at++
	}
	if at == len(records) {
		return nil, nil, id, fmt.Errorf("this conversation has no such message: %w", vault.ErrNoRecord)
	}
	read, _, err := h.turns(ctx, idsOf(records[at:]))
	if err != nil {
		return nil, nil, id, err
	}
	after = id
	if at > 0 {
		after = records[at-1].ID
	}
	if x := read[from].After; x != (vault.ID{}) {
		after = x
	}
	later := make([]Turn, 0, len(records)-at)
	for _, r := range records[at:] {
		later = append(later, Turn{ID: r.ID, After: read[r.ID].After})
	}
	later[0].After = vault.ID{}
	// What follows a turn that was written earlier follows none of these.
	known := map[vault.ID]bool{}
	for i := range later {
		if x := later[i].After; x != (vault.ID{}) && !known[x] {
			later[i].After = id
		}
		known[later[i].ID] = true
	}
	gone, _ = NewTree(id, later).Without(from)
	out := make(map[vault.ID]bool, len(gone))
	for _, x := range gone {
		out[x] = true
	}
	for _, r := range records {
		if !out[r.ID] {
			left = append(left, r)
		}
	}
	return gone, left, after, nil
}

// titleLeft is the title that the first question that is left makes. What cannot
// be read makes none.
func (h *History) titleLeft(ctx context.Context, left []vault.Record) (string, error) {
	for _, r := range left {
		read, _, err := h.turns(ctx, []vault.ID{r.ID})
		if err != nil {
			return "", err
		}
		if t := read[r.ID]; t.Role == User {
			if title := titleOf(t.Text); title != "" {
				return title, nil
			}
		}
	}
	return "", nil
}

// putTitle writes the conversation whose first turn is another now.
func (h *History) putTitle(ctx context.Context, e *vault.Edit, c *Conversation, turns []Turn) error {
	n := len(e.Put)
	if err := h.putHead(ctx, e, c, false, turns); err != nil || len(e.Put) > n || c.Damaged {
		return err
	}
	return h.putConversation(ctx, e, c, false)
}
