package web

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"abaton.local/chat/history"
	"abaton.local/vault"
	"abaton.local/web/markup"
)

// book is where the turns of a conversation are: the history of a person, which
// is kept in their vault, or this process's memory, which is not kept at all.
type book interface {
	Tree(context.Context, vault.ID) (history.Conversation, history.Tree, error)
	Add(ctx context.Context, id, after vault.ID, turns ...history.Turn) ([]history.Turn, error)
	Replace(ctx context.Context, id, from vault.ID, turns ...history.Turn) ([]history.Turn, error)
	Change(context.Context, vault.ID, history.Change) (history.Conversation, error)
	Delete(context.Context, vault.ID) error
}

// briefs are the temporary conversations. Each belongs to the session in which it
// was begun, is seen by no other of the same person, and goes when that session
// locks: by the person, by time, or with the server. None of them is ever written
// to a vault.
type briefs struct {
	gone  func(vault.ID) // called for each that goes, without mu
	every time.Duration  // between two looks for sessions that have locked

	mu    sync.Mutex
	of    map[vault.ID]*brief // guarded by mu
	timer *time.Timer         // while there are any; guarded by mu
}

type brief struct {
	s     vault.Session
	c     history.Conversation
	turns []history.Turn
	size  int // bytes
}

// Bounds of the temporary conversations of one person.
const (
	mostBriefs = 16
	mostBrief  = 32 << 20 // bytes, of all of them
	briefTitle = 60       // characters
)

var (
	errBriefs    = errors.New("you have sixteen temporary conversations: end one first, or begin one that is kept")
	errBriefSize = errors.New("your temporary conversations hold 32 MiB, which is the most: end one first, or begin one that is kept")
)

// briefly is the temporary conversations of one session. It is a book.
type briefly struct {
	all *briefs
	s   vault.Session
}

func (p *Pages) brief(s vault.Session) briefly { return briefly{&p.briefs, s} }

// find gives a conversation of this session. The caller holds mu.
func (b briefly) find(id vault.ID) *brief {
	if x := b.all.of[id]; x != nil && x.s == b.s && b.s.Unlocked() {
		return x
	}
	return nil
}

func (b briefly) has(id vault.ID) bool {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	return b.find(id) != nil
}

// list gives those of this session, the newest first.
func (b briefly) list() (list []history.Conversation) {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	for id := range b.all.of {
		if x := b.find(id); x != nil {
			list = append(list, x.c)
		}
	}
	slices.SortFunc(list, func(x, y history.Conversation) int { return y.Updated.Compare(x.Updated) })
	return list
}

// begin begins a conversation with its first question.
func (b briefly) begin(start history.Start, question history.Turn) (history.Conversation, error) {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	if !b.s.Unlocked() {
		return history.Conversation{}, vault.ErrLocked
	}
	n := 0
	for _, x := range b.all.of {
		if x.s.Person == b.s.Person {
			n++
		}
	}
	if n >= mostBriefs {
		return history.Conversation{}, errBriefs
	}
	x := &brief{s: b.s, c: history.Conversation{ID: vault.NewID(), Title: firstLine(question.Text), Model: start.Model, Instruction: start.Instruction, Manner: start.Manner, Libraries: start.Libraries, Created: time.Now()}}
	if !start.Manner.Valid() {
		return history.Conversation{}, history.ErrManner
	}
	if err := b.put(x, nil, vault.ID{}, question); err != nil {
		return history.Conversation{}, err
	}
	if b.all.of == nil {
		b.all.of = map[vault.ID]*brief{}
	}
	b.all.of[x.c.ID] = x
	if b.all.timer == nil {
		b.all.timer = time.AfterFunc(b.all.every, b.all.sweep)
	}
	return x.c, nil
}

// put makes the turns of x those that are left, and more that follow one of them.
// The caller holds mu.
func (b briefly) put(x *brief, left []history.Turn, after vault.ID, more ...history.Turn) error {
	size := len(x.c.Instruction)
	for _, list := range [][]history.Turn{left, more} {
		for _, t := range list {
			if size += len(t.Text); len(t.Text) > history.MaxText {
				return history.ErrTooLong
			}
		}
	}
	if err := b.fits(x, size); err != nil {
		return err
	}
	now := time.Now()
	turns := slices.Clone(left)
	for _, t := range more {
		t.ID, t.Time = vault.NewID(), now
		t.After, after = after, vault.ID{} // the others follow each other
		turns = append(turns, t)
		if t.Model != "" {
			x.c.Model = t.Model
		}
	}
	x.turns, x.size, x.c.Updated, x.c.Turns = turns, size, now, len(turns)
	return nil
}

// fits tells whether x may have so many bytes. The caller holds mu.
func (b briefly) fits(x *brief, size int) error {
	all := size
	for _, other := range b.all.of {
		if other != x && other.s.Person == b.s.Person {
			all += other.size
		}
	}
	if all > mostBrief && size > x.size {
		return errBriefSize
	}
	return nil
}

// Tree gives a conversation and its turns.
func (b briefly) Tree(_ context.Context, id vault.ID) (history.Conversation, history.Tree, error) {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	x := b.find(id)
	if x == nil {
		return history.Conversation{}, history.Tree{}, history.ErrUnknown
	}
	return x.c, history.NewTree(id, slices.Clone(x.turns)), nil
}

// Add adds turns that follow one, or the newest for the zero ID.
func (b briefly) Add(_ context.Context, id, after vault.ID, turns ...history.Turn) ([]history.Turn, error) {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	x := b.find(id)
	if x == nil {
		return nil, history.ErrUnknown
	}
	if err := b.put(x, x.turns, after, turns...); err != nil {
		return nil, err
	}
	return slices.Clone(x.turns[len(x.turns)-len(turns):]), nil
}

// Replace puts turns in the place of one and of all that was said after it.
func (b briefly) Replace(_ context.Context, id, from vault.ID, turns ...history.Turn) ([]history.Turn, error) {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	x := b.find(id)
	if x == nil {
		return nil, history.ErrUnknown
	}
	tree := history.NewTree(id, x.turns)
	gone, left := tree.Without(from)
	if len(gone) == 0 {
		return nil, vault.ErrNoRecord
	}
	after := id
	if before, ok := tree.Before(from); ok {
		after = before.ID
	}
	if err := b.put(x, left, after, turns...); err != nil {
		return nil, err
	}
	if after == id {
		x.c.Title = ""
		if len(x.turns) > 0 {
			x.c.Title = firstLine(x.turns[0].Text)
		}
	}
	return slices.Clone(x.turns[len(left):]), nil
}

// Change changes how a conversation is gone on with. It is not pinned: it does not
// stay.
func (b briefly) Change(_ context.Context, id vault.ID, to history.Change) (history.Conversation, error) {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	x := b.find(id)
	if x == nil {
		return history.Conversation{}, history.ErrUnknown
	}
	if to.Manner != nil && !to.Manner.Valid() {
		return history.Conversation{}, history.ErrManner
	}
	if to.Instruction != nil {
		size := x.size - len(x.c.Instruction) + len(*to.Instruction)
		if len(*to.Instruction) > history.MaxText {
			return history.Conversation{}, history.ErrTooLong
		}
		if err := b.fits(x, size); err != nil {
			return history.Conversation{}, err
		}
		x.c.Instruction, x.size = *to.Instruction, size
	}
	if to.Manner != nil {
		x.c.Manner = *to.Manner
	}
	if to.Libraries != nil {
		x.c.Libraries = *to.Libraries
	}
	return x.c, nil
}

// Delete ends a conversation.
func (b briefly) Delete(_ context.Context, id vault.ID) error {
	b.all.mu.Lock()
	defer b.all.mu.Unlock()
	if b.find(id) == nil {
		return history.ErrUnknown
	}
	delete(b.all.of, id)
	return nil
}

// sweep drops what belongs to sessions that have locked, and comes back while
// there are others.
func (bs *briefs) sweep() {
	bs.mu.Lock()
	var gone []vault.ID
	for id, x := range bs.of {
		if !x.s.Unlocked() {
			delete(bs.of, id)
			gone = append(gone, id)
		}
	}
	bs.timer = nil
	if len(bs.of) > 0 {
		bs.timer = time.AfterFunc(bs.every, bs.sweep)
	}
	bs.mu.Unlock()
	for _, id := range gone {
		bs.gone(id)
	}
}

func (bs *briefs) clear() {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	bs.of = nil
	if bs.timer != nil {
		bs.timer.Stop()
		bs.timer = nil
	}
}

// dropAnswer stops the answer of a conversation that is gone, and forgets it.
func (p *Pages) dropAnswer(id vault.ID) {
	p.mu.Lock()
	a := p.answers[id]
	delete(p.answers, id)
	p.mu.Unlock()
	if a != nil {
		a.forget()
	}
}

// firstLine is what a conversation is called that has no title of its own.
func firstLine(text string) string {
	line := []rune(strings.Join(strings.Fields(markup.Clean(text)), " "))
	return string(line[:min(len(line), briefTitle)])
}
