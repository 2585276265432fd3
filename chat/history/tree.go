package history

import (
	"slices"

	"abaton.local/vault"
)

// Tree is the turns of a conversation, in the order in which they were written.
// As a rule each follows the one before. What was asked differently or answered
// again follows an earlier one, beside what was said there first: so there are
// versions of a turn, and each leads on to turns of its own.
type Tree struct {
	turns []Turn // one that cannot be read has its ID alone
	from  []int  // which turn each follows; -1: it begins the conversation
}

// NewTree makes a tree of turns, in their order.
func NewTree(conversation vault.ID, turns []Turn) Tree {
	t := Tree{turns, make([]int, len(turns))}
	at := make(map[vault.ID]int, len(turns))
	for i, x := range turns {
		t.from[i] = i - 1
		if before, ok := at[x.After]; ok {
			t.from[i] = before
		} else if x.After == conversation {
			t.from[i] = -1
		}
		at[x.ID] = i
	}
	return t
}

// All gives every turn that can be read.
func (t Tree) All() []Turn {
	return slices.DeleteFunc(slices.Clone(t.turns), func(x Turn) bool { return x.Role == "" })
}

// Branch gives what was said from the beginning through a turn and on to the
// newest that follows it; for the zero ID to the newest of all. A turn that is not
// there has none.
func (t Tree) Branch(through vault.ID) (turns []Turn) {
	leaf := len(t.turns) - 1
	if through != (vault.ID{}) {
		leaf = -1
		for i := range t.below(through) {
			leaf = i
		}
	}
	for i := leaf; i >= 0; i = t.from[i] {
		if t.turns[i].Role != "" {
			turns = append(turns, t.turns[i])
		}
	}
	slices.Reverse(turns)
	return turns
}

// Versions gives the turns that follow the same turn as this one, itself among
// them, the oldest first.
func (t Tree) Versions(of vault.ID) (ids []vault.ID) {
	at := t.index(of)
	if at < 0 {
		return nil
	}
	for i, x := range t.turns {
		if t.from[i] == t.from[at] && x.Role != "" {
			ids = append(ids, x.ID)
		}
	}
	return ids
}

// Following gives the turns that follow one, the oldest first.
func (t Tree) Following(id vault.ID) (ids []vault.ID) {
	at := t.index(id)
	for i, x := range t.turns {
		if at >= 0 && t.from[i] == at && x.Role != "" {
			ids = append(ids, x.ID)
		}
	}
	return ids
}

// Before gives the turn that one follows; false where it begins the conversation
// or is not there.
func (t Tree) Before(id vault.ID) (Turn, bool) {
	if at := t.index(id); at >= 0 && t.from[at] >= 0 {
		return t.turns[t.from[at]], true
	}
	return Turn{}, false
}

func (t Tree) index(id vault.ID) int {
	return slices.IndexFunc(t.turns, func(x Turn) bool { return x.ID == id })
}

// below yields the places of a turn and of all that was said after it.
func (t Tree) below(id vault.ID) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		at := t.index(id)
		if at < 0 {
			return
		}
		in := make([]bool, len(t.turns))
		in[at] = true
		for i := at; i < len(t.turns); i++ {
			in[i] = in[i] || t.from[i] >= 0 && in[t.from[i]]
			if in[i] && !yield(i) {
				return
			}
		}
	}
}

// Without gives the identifiers of a turn and of all that was said after it, and
// a tree of what else there is.
func (t Tree) Without(id vault.ID) (gone []vault.ID, left []Turn) {
	out := make([]bool, len(t.turns))
	for i := range t.below(id) {
		out[i] = true
		gone = append(gone, t.turns[i].ID)
	}
	for i, x := range t.turns {
		if !out[i] {
			left = append(left, x)
		}
	}
	return gone, left
}
