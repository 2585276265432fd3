package vault

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
)

// manifest is what an unlocked vault knows of its records: which there are, in
// which version, and the digest of each one's row. About 130 bytes a record.
// The zero manifest is empty after reset. Its user guards it.
type manifest struct {
	items      []item
	free       []uint32 // places in items that hold nothing
	index      map[ID]uint32
	containers map[ID]*container
	generation uint32 // of the vault
	old        int    // records sealed under an older generation
}

// container lists its records by their place in items.
type container struct {
	id    ID
	items []uint32
}

// item is one record.
type item struct {
	id         ID
	digest     [32]byte // of its row's envelope
	order      uint64
	version    uint64
	in         *container
	at         uint32 // in the container's list
	size       uint32
	generation uint32
	kind       Kind
	large      bool // the row is a list of parts
}

func (it *item) record() Record {
	return Record{ID: it.id, Container: it.in.id, Kind: it.kind, Order: it.order, Version: it.version, Size: int(it.size)}
}

// put is the op that makes the item what it is.
func (it *item) put() op {
	return op{do: opPut, id: it.id, container: it.in.id, digest: it.digest, order: it.order, version: it.version, size: it.size, generation: it.generation, kind: it.kind, large: it.large}
}

func newManifest(generation uint32, records int) *manifest {
	return &manifest{
		items:      make([]item, 0, records),
		index:      make(map[ID]uint32, records),
		containers: make(map[ID]*container),
		generation: generation,
	}
}

// len is the number of records.
func (m *manifest) len() int { return len(m.index) }

// find gives the item, valid until the next apply, or nil.
func (m *manifest) find(id ID) *item {
	at, ok := m.index[id]
	if !ok {
		return nil
	}
	return &m.items[at]
}

// What a journal entry does to the manifest. The numbers are in the format.
const (
	opPut    = 1
	opDelete = 2
	opDrop   = 3
)

// op is one step of a journal entry.
type op struct {
	do         byte
	id         ID // of a record, for opDrop of a container
	container  ID
	digest     [32]byte
	order      uint64
	version    uint64
	size       uint32
	generation uint32
	kind       Kind
	large      bool
}

var errContradiction = errors.New("the journal contradicts itself")

// apply does one step. An error means that the journal was not written by us.
func (m *manifest) apply(o *op) error {
	switch o.do {
	case opPut:
		return m.put(o)
	case opDelete:
		it := m.find(o.id)
		if it == nil {
			return errContradiction
		}
		m.remove(it)
	case opDrop:
		in := m.containers[o.id]
		if in == nil {
			return errContradiction
		}
		for len(in.items) > 0 {
			m.remove(&m.items[in.items[len(in.items)-1]])
		}
	default:
		return errContradiction
	}
	return nil
}

func (m *manifest) put(o *op) error {
	if o.kind == 0 || o.kind > lastKind || o.id == (ID{}) || o.container == (ID{}) || o.version == 0 || o.generation == 0 || o.generation > m.generation {
		return errContradiction
	}
	it := m.find(o.id)
	if it == nil {
		in := m.containers[o.container]
		if in == nil {
			in = &container{id: o.container}
			m.containers[o.container] = in
		}
		at := uint32(len(m.items))
		if n := len(m.free); n > 0 {
			at, m.free = m.free[n-1], m.free[:n-1]
		} else {
			m.items = append(m.items, item{})
		}
		it = &m.items[at]
		it.id, it.in, it.at, it.kind = o.id, in, uint32(len(in.items)), o.kind
		in.items = append(in.items, at)
		m.index[o.id] = at
	} else {
		if it.in.id != o.container || it.kind != o.kind || it.generation > o.generation {
			return errContradiction
		}
		if it.generation < m.generation {
			m.old--
		}
	}
	it.order, it.version, it.size, it.large = o.order, o.version, o.size, o.large
	it.digest, it.generation = o.digest, o.generation
	if it.generation < m.generation {
		m.old++
	}
	return nil
}

func (m *manifest) remove(it *item) {
	in, at := it.in, m.index[it.id]
	last := len(in.items) - 1
	moved := in.items[last]
	in.items[it.at] = moved
	m.items[moved].at = it.at
	in.items = in.items[:last]
	if last == 0 {
		delete(m.containers, in.id)
	}
	if it.generation < m.generation {
		m.old--
	}
	delete(m.index, it.id)
	*it = item{}
	m.free = append(m.free, at)
}

// list gives the records of a kind (0: of every kind) in a container (zero: in
// all), by order and then by ID.
func (m *manifest) list(k Kind, in ID) []Record {
	var found []Record
	take := func(it *item) {
		if it.in != nil && (k == 0 || it.kind == k) {
			found = append(found, it.record())
		}
	}
	if in == (ID{}) {
		for i := range m.items {
			take(&m.items[i])
		}
	} else if c := m.containers[in]; c != nil {
		for _, at := range c.items {
			take(&m.items[at])
		}
	}
	slices.SortFunc(found, func(a, b Record) int {
		if c := cmp.Compare(a.Order, b.Order); c != 0 {
			return c
		}
		return compareIDs(a.ID, b.ID)
	})
	return found
}

func compareIDs(a, b ID) int { return bytes.Compare(a[:], b[:]) }

// oldest gives records that are sealed under an older generation, until their
// payloads together reach the given size: at least one, where there is one.
func (m *manifest) oldest(records int, bytes int64) []item {
	var found []item
	for i := range m.items {
		it := &m.items[i]
		if it.in == nil || it.generation >= m.generation {
			continue
		}
		if bytes -= int64(it.size); len(found) > 0 && (bytes < 0 || len(found) == records) {
			break
		}
		found = append(found, *it)
	}
	return found
}
