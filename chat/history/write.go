package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"abaton.local/library/bm25"
	"abaton.local/vault"
)

// New begins a conversation with its first turns, all in one piece. It is there,
// for good, once New returns without an error.
func (h *History) New(ctx context.Context, start Start, turns ...Turn) (Conversation, error) {
	h.writing.Lock()
	defer h.writing.Unlock()
	s, err := h.changing(ctx)
	if err != nil {
		return Conversation{}, fmt.Errorf("keeping a conversation: %w", err)
	}
	if len(start.Instruction) > MaxText {
		return Conversation{}, fmt.Errorf("keeping a conversation: %w", ErrTooLong)
	}
	if !start.Manner.Valid() {
		return Conversation{}, fmt.Errorf("keeping a conversation: %w", ErrManner)
	}
	if !librariesValid(start.Libraries) {
		return Conversation{}, fmt.Errorf("keeping a conversation: %w", ErrReading)
	}
	now := moment(h.config.Now().UnixMilli())
	c := Conversation{ID: vault.NewID(), Model: valid(start.Model), Instruction: valid(start.Instruction), Manner: start.Manner, Libraries: start.Libraries, Created: now}
	if _, err := h.append(ctx, s, &c, true, vault.ID{}, turns); err != nil {
		return Conversation{}, err
	}
	return c, nil
}

// Append adds turns behind the newest of a conversation: see [History.Add].
func (h *History) Append(ctx context.Context, id vault.ID, turns ...Turn) ([]Turn, error) {
	return h.Add(ctx, id, vault.ID{}, turns...)
}

// Add adds turns to a conversation, all of them or none, and gives them with their
// identifiers. The first follows the turn named, beside others that do; for the
// zero ID the newest, and for that of the conversation none: it is another
// beginning. They are there for good once it returns without an error. Text that is
// not UTF-8 is mended with U+FFFD.
func (h *History) Add(ctx context.Context, id, after vault.ID, turns ...Turn) ([]Turn, error) {
	h.writing.Lock()
	defer h.writing.Unlock()
	s, c, err := h.conversation(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("keeping a message: %w", err)
	}
	if len(turns) == 0 {
		return nil, nil
	}
	records := h.vault.List(vault.KindTurn, id)
	if after != (vault.ID{}) && after != id && !slices.ContainsFunc(records, func(r vault.Record) bool { return r.ID == after }) {
		return nil, fmt.Errorf("keeping a message: this conversation has no such message to follow: %w", vault.ErrNoRecord)
	}
	return h.append(ctx, s, &c, false, plainly(id, after, records), turns)
}

// plainly is how a turn that is written behind some says which it follows: not at
// all, where that is the last of them.
func plainly(conversation, after vault.ID, behind []vault.Record) vault.ID {
	last := conversation
	if n := len(behind); n > 0 {
		last = behind[n-1].ID
	}
	if after == last {
		return vault.ID{}
	}
	return after
}

// conversation gives one to change: the caller holds writing.
func (h *History) conversation(ctx context.Context, id vault.ID) (*state, Conversation, error) {
	s, err := h.changing(ctx)
	if err != nil {
		return nil, Conversation{}, err
	}
	c := s.conversations[id]
	if c == nil {
		return nil, Conversation{}, ErrUnknown
	}
	return s, *c, nil
}

func (h *History) append(ctx context.Context, s *state, c *Conversation, fresh bool, after vault.ID, turns []Turn) ([]Turn, error) {
	var e vault.Edit
	turns, docs, err := h.puts(&e, s.last[c.ID], c, after, turns)
	if err != nil {
		return nil, fmt.Errorf("keeping a message: %w", err)
	}
	if err := h.putHead(ctx, &e, c, fresh, turns); err != nil {
		return nil, fmt.Errorf("keeping a message: %w", err)
	}
	if err := h.write(ctx, e); err != nil {
		return nil, fmt.Errorf("keeping a message: %w", err)
	}
	h.mu.Lock()
	s.adopt(c, docs, &e)
	h.mu.Unlock()
	h.sealIfDue(ctx)
	return turns, nil
}

// puts lets an edit write turns behind those up to order last.
func (h *History) puts(e *vault.Edit, last uint64, c *Conversation, after vault.ID, turns []Turn) (kept []Turn, docs []bm25.Document, err error) {
	now := h.config.Now()
	// The order is the time of writing, so that a list needs no turn to be read;
	// where the clock stands still or goes back, it counts on.
	order := max(last+1, uint64(max(1, now.UnixMilli())))
	for _, t := range turns {
		t.After, after = after, vault.ID{} // the others follow each other
		t.ID, t.Text, t.Model, t.Finish = vault.NewID(), valid(t.Text), valid(t.Model), valid(t.Finish)
		if t.Time.IsZero() {
			t.Time = now
		}
		t.Time = moment(t.Time.UnixMilli())
		switch {
		case len(t.Text) > MaxText:
			return nil, nil, ErrTooLong
		case !t.Read.valid():
			return nil, nil, ErrReading
		case t.Role != User && t.Role != Assistant, t.PromptTokens < 0, t.AnswerTokens < 0:
			return nil, nil, errors.New("a turn is the person's or the model's, and its counts are not negative")
		}
		e.Put = append(e.Put, vault.Put{ID: t.ID, Container: c.ID, Kind: vault.KindTurn, Order: order, Payload: t.payload()})
		docs = append(docs, bm25.Document{ID: bm25.ID(t.ID), Text: t.Text})
		kept = append(kept, t)
		order++
	}
	return kept, docs, nil
}

// putHead lets an edit write the conversation itself where the turns change it:
// the first question makes its title, an answer may come from another model.
func (h *History) putHead(ctx context.Context, e *vault.Edit, c *Conversation, fresh bool, turns []Turn) error {
	changed := fresh
	for _, t := range turns {
		if t.Role == User && c.Title == "" && !c.Named && !c.Damaged {
			c.Title = titleOf(t.Text)
			changed = changed || c.Title != ""
		}
		if t.Role == Assistant && t.Model != "" && t.Model != c.Model && !c.Damaged {
			c.Model, changed = t.Model, true
		}
	}
	if !changed {
		return nil
	}
	return h.putConversation(ctx, e, c, fresh)
}

// putConversation lets an edit write c, with the instruction that it has.
func (h *History) putConversation(ctx context.Context, e *vault.Edit, c *Conversation, fresh bool) error {
	full := *c
	if !fresh {
		old, err := h.head(ctx, c.ID)
		if err != nil {
			return err
		}
		full.Instruction = old.Instruction
	}
	e.Put = append(e.Put, full.put())
	return nil
}

func (c *Conversation) put() vault.Put {
	return vault.Put{ID: c.ID, Container: c.ID, Kind: vault.KindConversation, Order: uint64(max(0, c.Created.UnixMilli())), Payload: c.payload()}
}

// adopt makes turns that were written those of memory; the caller holds both locks.
func (s *state) adopt(c *Conversation, docs []bm25.Document, e *vault.Edit) {
	kept := *c
	kept.Instruction = ""
	for _, p := range e.Put {
		if p.Kind == vault.KindTurn {
			kept.Turns++
			s.last[c.ID] = max(s.last[c.ID], p.Order)
		}
	}
	kept.touch(s.last[c.ID])
	c.Turns, c.Updated = kept.Turns, kept.Updated
	s.conversations[c.ID] = &kept
	s.index.Add(docs...)
}

// Rename gives a conversation a title of the person's: of 1 to [MaxTitle]
// characters, without control characters and signs that turn text around, which
// are taken out.
func (h *History) Rename(ctx context.Context, id vault.ID, title string) (Conversation, error) {
	clean := oneLine(title, MaxTitle+1)
	if n := len([]rune(clean)); n == 0 || n > MaxTitle {
		return Conversation{}, fmt.Errorf("renaming a conversation: %w", ErrTitle)
	}
	h.writing.Lock()
	defer h.writing.Unlock()
	s, c, err := h.conversation(ctx, id)
	if err != nil {
		return Conversation{}, fmt.Errorf("renaming a conversation: %w", err)
	}
	gone := s.titleDocs(&c)
	c.Title, c.Named = clean, true
	doc := titleDoc(id, clean)
	delete(gone, doc)
	var e vault.Edit
	if err := h.putConversation(ctx, &e, &c, false); err != nil {
		return Conversation{}, fmt.Errorf("renaming a conversation: %w", err)
	}
	var r rewriting
	if len(gone) > 0 {
		r = h.forget(&e, gone)
	}
	if err := h.write(ctx, e); err != nil {
		return Conversation{}, fmt.Errorf("renaming a conversation: %w", err)
	}
	h.mu.Lock()
	s.forgotten(r, gone)
	for old := range gone {
		delete(s.titles, old)
	}
	s.titles[doc] = id
	s.adopt(&c, nil, &e)
	if !s.index.Has(doc) {
		s.index.Add(bm25.Document{ID: doc, Text: clean})
	}
	h.mu.Unlock()
	h.sealIfDue(ctx)
	return c, nil
}

// titleDocs is the document of a conversation's title, where it has one.
func (s *state) titleDocs(c *Conversation) map[bm25.ID]bool {
	docs := make(map[bm25.ID]bool)
	if c.Named {
		docs[titleDoc(c.ID, c.Title)] = true
	}
	return docs
}

// Delete destroys a conversation: its records, its key, and every segment of the
// index that held a word of it, all in one piece. What is left of those segments
// is written anew under other keys.
func (h *History) Delete(ctx context.Context, id vault.ID) error {
	h.writing.Lock()
	defer h.writing.Unlock()
	s, c, err := h.conversation(ctx, id)
	if err != nil {
		return fmt.Errorf("deleting a conversation: %w", err)
	}
	docs := s.titleDocs(&c)
	for _, r := range h.vault.List(vault.KindTurn, id) {
		docs[bm25.ID(r.ID)] = true
	}
	e := vault.Edit{Drop: []vault.ID{id}}
	r := h.forget(&e, docs)
	if err := h.write(ctx, e); err != nil {
		return fmt.Errorf("deleting a conversation: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.forgotten(r, docs)
	for doc := range s.titleDocs(&c) {
		delete(s.titles, doc)
	}
	delete(s.conversations, id)
	delete(s.last, id)
	return nil
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
