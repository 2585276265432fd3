package history

import (
	"context"
	"fmt"

	"abaton.local/vault"
)

// Change is what shall be otherwise of a conversation; what is nil stays as it is.
type Change struct {
	Pinned      *bool
	Instruction *string
	Manner      *Manner
	Libraries   *[]vault.ID
}

// Change changes what is said of a conversation as a whole. That is no use of it:
// it stays where it is in the list.
func (h *History) Change(ctx context.Context, id vault.ID, to Change) (Conversation, error) {
	h.writing.Lock()
	defer h.writing.Unlock()
	s, c, err := h.conversation(ctx, id)
	if err != nil {
		return Conversation{}, fmt.Errorf("changing a conversation: %w", err)
	}
	full, err := h.head(ctx, id)
	if err != nil {
		return Conversation{}, fmt.Errorf("changing a conversation: %w", err)
	}
	c.Instruction = full.Instruction
	if to.Pinned != nil {
		c.Pinned = *to.Pinned
	}
	if to.Instruction != nil {
		c.Instruction = valid(*to.Instruction)
	}
	if to.Manner != nil {
		c.Manner = *to.Manner
	}
	if to.Libraries != nil {
		c.Libraries = *to.Libraries
	}
	switch {
	case !librariesValid(c.Libraries):
		return Conversation{}, fmt.Errorf("changing a conversation: %w", ErrReading)
	case len(c.Instruction) > MaxText:
		return Conversation{}, fmt.Errorf("changing a conversation: %w", ErrTooLong)
	case !c.Manner.Valid():
		return Conversation{}, fmt.Errorf("changing a conversation: %w", ErrManner)
	}
	e := vault.Edit{Put: []vault.Put{c.put()}}
	if err := h.write(ctx, e); err != nil {
		return Conversation{}, fmt.Errorf("changing a conversation: %w", err)
	}
	h.mu.Lock()
	s.adopt(&c, nil, &e)
	h.mu.Unlock()
	return c, nil
}
