package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"abaton.local/vault"
)

// List gives all conversations, the one that was used last first. It reads
// nothing from the store.
func (h *History) List() ([]Conversation, error) {
	s, err := h.reading()
	if err != nil {
		return nil, fmt.Errorf("listing the conversations: %w", err)
	}
	h.mu.RLock()
	known := make([]*Conversation, 0, len(s.conversations)) // replaced when they change, never written to
	for _, c := range s.conversations {
		known = append(known, c)
	}
	h.mu.RUnlock()
	slices.SortFunc(known, newer)
	list := make([]Conversation, len(known))
	for i, c := range known {
		list[i] = *c
	}
	return list, nil
}

func newer(a, b *Conversation) int {
	if d := b.Updated.Compare(a.Updated); d != 0 {
		return d
	}
	if d := b.Created.Compare(a.Created); d != 0 {
		return d
	}
	return bytes.Compare(a.ID[:], b.ID[:])
}

// Latest is the conversation that was used last, to be continued; [ErrEmpty]
// where there is none.
func (h *History) Latest() (Conversation, error) {
	list, err := h.List()
	if err != nil {
		return Conversation{}, err
	}
	if len(list) == 0 {
		return Conversation{}, ErrEmpty
	}
	return list[0], nil
}

// minPrefix is how many digits name a conversation at least, so that a slip of
// the finger does not delete one.
const minPrefix = 4

// Find gives the conversation whose identifier begins with the digits that a
// person typed: [ErrUnknown] or [ErrAmbiguous] where that is not one.
func (h *History) Find(prefix string) (Conversation, error) {
	prefix = strings.ToLower(strings.TrimSpace(prefix))
	if len(prefix) < minPrefix || strings.Trim(prefix, "0123456789abcdef") != "" {
		return Conversation{}, fmt.Errorf("a conversation is named by the first digits of its identifier, %d at least: %w", minPrefix, ErrUnknown)
	}
	s, err := h.reading()
	if err != nil {
		return Conversation{}, err
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	var found *Conversation
	for id, c := range s.conversations {
		if strings.HasPrefix(id.String(), prefix) {
			if found != nil {
				return Conversation{}, ErrAmbiguous
			}
			found = c
		}
	}
	if found == nil {
		return Conversation{}, ErrUnknown
	}
	return *found, nil
}

// Show gives a conversation with its instruction and what was said in it, in
// order: of what has several versions, those that lead to the newest turn. Where
// single turns are damaged, the others come together with the error.
func (h *History) Show(ctx context.Context, id vault.ID) (Conversation, []Turn, error) {
	c, tree, err := h.Tree(ctx, id)
	if c.ID != id {
		return c, nil, err
	}
	return c, tree.Branch(vault.ID{}), err
}

// Tree is Show with every version.
func (h *History) Tree(ctx context.Context, id vault.ID) (Conversation, Tree, error) {
	s, err := h.reading()
	if err != nil {
		return Conversation{}, Tree{}, fmt.Errorf("reading a conversation: %w", err)
	}
	h.mu.RLock()
	known := s.conversations[id]
	h.mu.RUnlock()
	if known == nil {
		return Conversation{}, Tree{}, ErrUnknown
	}
	c := *known
	var damage []error
	if head, err := h.head(ctx, id); err == nil {
		c.Instruction = head.Instruction
	} else if !single(err, id) {
		return Conversation{}, Tree{}, fmt.Errorf("reading a conversation: %w", err)
	} else {
		damage = append(damage, fmt.Errorf("conversation %v: %w", id, err))
	}
	ids := idsOf(h.vault.List(vault.KindTurn, id))
	read, more, err := h.turns(ctx, ids)
	if err != nil {
		return Conversation{}, Tree{}, fmt.Errorf("reading a conversation: %w", err)
	}
	turns := make([]Turn, 0, len(ids))
	for _, id := range ids {
		t := read[id].Turn
		t.ID = id // of one that cannot be read, too
		turns = append(turns, t)
	}
	return c, NewTree(id, turns), errors.Join(append(damage, more...)...)
}

// head reads the conversation itself.
func (h *History) head(ctx context.Context, id vault.ID) (c Conversation, err error) {
	err = vault.ErrNoRecord
	for got, e := range h.vault.ReadMany(ctx, []vault.ID{id}) {
		if err = e; err == nil {
			c, err = parseConversation(got.Payload)
		}
	}
	return c, err
}

// placed is a turn and whose it is.
type placed struct {
	Turn
	conversation vault.ID
}

// turns reads turns. Errors of single ones come apart from one that ended the
// reading; turns that are gone meanwhile are left out.
func (h *History) turns(ctx context.Context, ids []vault.ID) (turns map[vault.ID]placed, damage []error, err error) {
	turns = make(map[vault.ID]placed, len(ids))
	for got, err := range h.vault.ReadMany(ctx, ids) {
		if errors.Is(err, vault.ErrNoRecord) {
			continue
		}
		if err == nil {
			var t Turn
			if t, err = parseTurn(got.Payload); err == nil {
				t.ID = got.ID
				turns[got.ID] = placed{t, got.Container}
				continue
			}
		}
		if !single(err, got.ID) {
			return nil, nil, err
		}
		damage = append(damage, fmt.Errorf("turn %v: %w", got.ID, err))
	}
	return turns, damage, nil
}
