package vault

import (
	"errors"
	"fmt"
)

// Kind says what a record is. The numbers are sealed into every record: they
// are never given a new meaning.
type Kind uint8

// The kinds of records.
const (
	KindConversation Kind = 1
	KindTurn         Kind = 2
	KindProfile      Kind = 3
	KindAct          Kind = 4 // of the person's own journal of security acts
	KindSegment      Kind = 5 // of a search index
	KindToken        Kind = 6
	KindSetting      Kind = 7
	KindDocument     Kind = 8
	KindResponse     Kind = 9  // kept because a program asked for it
	KindResume       Kind = 10 // what a model had read of a conversation, so that it need not read it again
	KindLibrary      Kind = 11 // what documents belong to
	KindPassages     Kind = 12 // of a document
	KindWords        Kind = 13 // a segment of the index of a library
	KindMeanings     Kind = 14 // likewise, of vectors
	KindEmbedder     Kind = 15 // the model that made vectors, and how
)

// Kinds of what a vault keeps for itself; no record has them.
const (
	kindHeader   Kind = 0xf0
	kindJournal  Kind = 0xf1
	kindRing     Kind = 0xf2
	kindSnapshot Kind = 0xf3
	lastKind          = kindHeader - 1
)

// Limits of what a record holds, in bytes.
const (
	// MaxPayload bounds one record.
	MaxPayload = 256 << 20
	// wholePayload is the largest payload that is sealed as one row; larger ones
	// go in parts.
	wholePayload = 1 << 20
)

// Record is what a vault knows of a record without reading it.
type Record struct {
	ID        ID
	Container ID
	Kind      Kind
	Order     uint64 // the caller's; List sorts by it
	Version   uint64 // 1, and one more with every Put
	Size      int    // of the payload, in bytes
}

// Content is a record with its payload, which is the caller's.
type Content struct {
	Record
	Payload []byte
}

// Put writes a record, new or in place of the one of the same ID. A record
// keeps its container and kind for life. A container comes to be with its first
// record, under a random key of its own, and ends with its last one.
type Put struct {
	ID        ID
	Container ID
	Kind      Kind
	Order     uint64
	Payload   []byte
}

// Edit is one change of a vault: all of it or none.
type Edit struct {
	Put    []Put
	Delete []ID // records
	Drop   []ID // containers, with all their records and their keys
}

// check refuses what no vault could take, whatever it holds.
func (p *Put) check() error {
	switch {
	case p.ID == (ID{}) || p.Container == (ID{}):
		return errors.New("a record needs an identifier and a container")
	case p.Kind == 0 || p.Kind > lastKind:
		return fmt.Errorf("record %v: there is no kind %d", p.ID, p.Kind)
	case len(p.Payload) > MaxPayload:
		return fmt.Errorf("record %v has %d bytes, a vault takes %d at most: split it", p.ID, len(p.Payload), MaxPayload)
	}
	return nil
}

// plan is an edit that was checked against a manifest: what the journal entry
// will say, and what it needs.
type plan struct {
	ops     []op
	payload [][]byte // of each opPut, by its place in ops
	fresh   []ID     // containers to make
	ending  []ID     // containers that end
	gone    []item   // records that are deleted or replaced, as they are now
}

// plan checks the edit against what there is. It changes nothing.
func (m *manifest) plan(e Edit) (*plan, error) {
	p := new(plan)
	touched := make(map[ID]bool, len(e.Put)+len(e.Delete))
	dropped := make(map[ID]bool, len(e.Drop))
	left := make(map[ID]int) // records of a container after the edit, where it changes them
	count := func(c ID) int {
		if n, ok := left[c]; ok {
			return n
		}
		if in := m.containers[c]; in != nil {
			return len(in.items)
		}
		return 0
	}
	for _, c := range e.Drop {
		in := m.containers[c]
		if in == nil || dropped[c] {
			return nil, fmt.Errorf("container %v: %w", c, ErrNoRecord)
		}
		dropped[c] = true
		p.ops = append(p.ops, op{do: opDrop, id: c})
		p.ending = append(p.ending, c)
		for _, at := range in.items {
			p.gone = append(p.gone, m.items[at])
		}
	}
	for _, id := range e.Delete {
		it := m.find(id)
		if it == nil || touched[id] || dropped[it.in.id] {
			return nil, fmt.Errorf("record %v: %w", id, ErrNoRecord)
		}
		touched[id] = true
		left[it.in.id] = count(it.in.id) - 1
		p.ops = append(p.ops, op{do: opDelete, id: id})
		p.gone = append(p.gone, *it)
	}
	p.payload = make([][]byte, len(p.ops), len(p.ops)+len(e.Put))
	for i := range e.Put {
		put := &e.Put[i]
		if err := put.check(); err != nil {
			return nil, err
		}
		if touched[put.ID] || dropped[put.Container] {
			return nil, fmt.Errorf("record %v: one edit touches it twice", put.ID)
		}
		touched[put.ID] = true
		o := op{do: opPut, id: put.ID, container: put.Container, kind: put.Kind, order: put.Order, version: 1, size: uint32(len(put.Payload)), large: len(put.Payload) > wholePayload}
		if it := m.find(put.ID); it != nil {
			if it.in.id != put.Container || it.kind != put.Kind {
				return nil, fmt.Errorf("record %v: a record keeps its container and kind", put.ID)
			}
			o.version = it.version + 1
			p.gone = append(p.gone, *it)
		} else {
			n := count(put.Container)
			if _, changed := left[put.Container]; !changed && n == 0 {
				p.fresh = append(p.fresh, put.Container)
			}
			left[put.Container] = n + 1
		}
		p.ops = append(p.ops, o)
		p.payload = append(p.payload, put.Payload)
	}
	for c, n := range left {
		if n == 0 {
			p.ending = append(p.ending, c)
		}
	}
	return p, nil
}
