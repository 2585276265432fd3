package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"abaton.local/vault/internal/seal"
)

// Write makes the edit as a whole, or not at all, and returns nil only once it
// is durable. What it names and is not there is [ErrNoRecord]. After
// [ErrConflict] the vault must be opened anew. After another error of the store
// nobody knows yet which of the two happened; the next call finds out.
func (v *Vault) Write(ctx context.Context, e Edit) error {
	v.writing.Lock()
	defer v.writing.Unlock()
	if err := v.ready(ctx); err != nil {
		return err
	}
	p, err := v.manifest.plan(e)
	if err != nil {
		return err
	}
	if len(p.ops) == 0 {
		return nil
	}
	c := v.begin()
	v.changeRing(c, p)
	for i := range p.ops {
		if o := &p.ops[i]; o.do == opPut {
			k := c.ring.find(o.container, c.keys.generation)
			c.add(v.sealRecord(k, o, p.payload[i]))
		}
	}
	c.step.ops = p.ops
	for i := range p.gone {
		it := &p.gone[i]
		if it.large {
			c.gone = append(c.gone, v.partsOf(it).rows()...)
		}
		if !c.puts(it.id) {
			c.gone = append(c.gone, it.id)
		}
	}
	return v.commit(ctx, c)
}

// changeRing makes the keys of new containers and leaves out those of containers
// that end.
func (v *Vault) changeRing(c *change, p *plan) {
	var more []*containerKey
	for _, id := range p.fresh {
		more = append(more, newContainerKey(id, c.keys.generation))
	}
	if len(p.ending) > 0 {
		ending := make(map[ID]bool, len(p.ending))
		for _, id := range p.ending {
			ending[id] = true
		}
		c.rebuild(v.ring, c.keys, func(k *containerKey) bool { return !ending[k.container] }, more)
	} else if len(more) > 0 {
		var rows []Row
		c.ring, rows = v.ring.with(more)
		c.add(rows)
	}
}

// sealRecord gives the rows of a record, its own first, and completes o.
func (v *Vault) sealRecord(k *containerKey, o *op, payload []byte) []Row {
	o.generation = k.generation
	place := seal.Place{Vault: v.id, Record: o.id, Kind: uint8(o.kind), Version: o.version, Generation: o.generation}
	rows := make([]Row, 1, 2)
	if o.large {
		parts := stream{key: k.key, place: place, size: int64(len(payload))}.seal(payload)
		payload = partList(parts)
		rows = append(rows, parts...)
	}
	rows[0] = Row{ID: o.id, Envelope: k.records().Seal(nil, payload, place)}
	o.digest = seal.Digest(rows[0].Envelope)
	return rows
}

// partsOf is the stream of a large record as it is now.
func (v *Vault) partsOf(it *item) stream {
	return stream{key: v.ring.find(it.in.id, it.generation).key, place: v.placeOf(it), size: int64(it.size)}
}

func (v *Vault) placeOf(it *item) seal.Place {
	return seal.Place{Vault: v.id, Record: it.id, Kind: uint8(it.kind), Version: it.version, Generation: it.generation}
}

// ReplaceSlots puts another slot set in place of the present one. Its version,
// which the caller has written into it, must be one more.
func (v *Vault) ReplaceSlots(ctx context.Context, set []byte) error {
	v.writing.Lock()
	defer v.writing.Unlock()
	if err := v.ready(ctx); err != nil {
		return err
	}
	c := v.begin()
	c.replaceSlots(set)
	return v.commit(ctx, c)
}

// change is one commit on its way: what the vault will be once it happened.
type change struct {
	next     header
	step     step
	keys     *keys
	ring     *ring
	slots    []byte
	rows     []Row
	gone     []ID
	snapshot bool // take one of the state before the change

	put    map[ID]bool // rows
	header []byte      // sealed
}

// begin starts a change from the vault as it is.
func (v *Vault) begin() *change {
	return &change{next: v.head, keys: v.keys, ring: v.ring, slots: v.slots, put: make(map[ID]bool)}
}

func (c *change) add(rows []Row) {
	c.rows = append(c.rows, rows...)
	for i := range rows {
		c.put[rows[i].ID] = true
	}
}

func (c *change) puts(row ID) bool { return c.put[row] }

func (c *change) rebuild(r *ring, k *keys, keep func(*containerKey) bool, more []*containerKey) {
	next, rows, gone := r.rebuilt(k.ring, k.generation, keep, more)
	c.ring = next
	c.add(rows)
	c.gone = append(c.gone, gone...)
}

func (c *change) replaceSlots(set []byte) {
	c.slots = bytes.Clone(set)
	c.step.slots = slotsMark{c.next.slots.version + 1, seal.Digest(set)}
}

// commit completes the change, hands it to the store in one piece, and makes it
// the vault's state. The caller holds writing.
func (v *Vault) commit(ctx context.Context, c *change) error {
	change := v.complete(c)
	if err := v.st.Commit(ctx, change); err != nil {
		if errors.Is(err, ErrConflict) {
			v.stale = true
			c.drop(v)
		} else {
			v.doubt = c
		}
		return fmt.Errorf("writing to the vault: %w", err)
	}
	v.adopt(c)
	return nil
}

// complete seals journal entry, snapshot and header.
func (v *Vault) complete(c *change) Change {
	seq := v.head.seq + 1
	rotated := c.keys != v.keys
	if c.snapshot || rotated || v.head.due(v.manifest.len()) {
		last := v.head.snapshots[1]
		c.next.snapshots[1] = v.head.snapshots[0]
		if rotated { // the older one was sealed under the other root key
			c.dropSnapshot(v, &v.head.snapshots[0])
			c.next.snapshots[1] = snapshotMark{}
		}
		c.dropSnapshot(v, &last)
		var rows []Row
		c.next.snapshots[0], rows = takeSnapshot(v.id, c.keys, v.manifest, v.head.seq, v.head.head)
		c.add(rows)
		if s := c.next.snapshots[1].seq; s > 0 {
			c.next.first = s + 1
		}
		if rotated {
			c.next.first = seq
		}
	}
	c.step.previous = v.head.head
	plain := c.step.encode()
	entry := Entry{Seq: seq, Envelope: c.keys.journal.Seal(nil, plain, journalPlace(v.id, seq, c.keys.generation))}
	clear(plain)

	c.next.seq, c.next.head, c.next.generation = seq, seal.NextHead(v.head.head, seq, entry.Envelope), c.keys.generation
	c.next.ring = c.ring.mark()
	c.next.old = c.old(v.manifest)
	if c.step.slots.version > 0 {
		c.next.slots = c.step.slots
	}
	plain = c.next.encode()
	c.header = c.keys.header.Seal(nil, plain, headerPlace(v.id, seq))
	clear(plain)
	return Change{
		Vault: v.id, From: v.head.seq, Shell: Shell{Seq: seq, Header: c.header, Slots: c.slots},
		Append: []Entry{entry}, Cut: c.next.first, Put: c.rows, Delete: c.gone,
	}
}

func (c *change) dropSnapshot(v *Vault, mark *snapshotMark) {
	if mark.seq > 0 {
		c.gone = append(c.gone, v.keys.snapshotStream(v.id, mark).rows()...)
	}
}

// old is how many records of older generations there will be.
func (c *change) old(m *manifest) uint64 {
	if c.keys.generation != m.generation {
		return uint64(m.len())
	}
	old := m.old
	for i := range c.step.ops {
		switch o := &c.step.ops[i]; o.do {
		case opPut, opDelete:
			if it := m.find(o.id); it != nil && it.generation < m.generation {
				old--
			}
		case opDrop:
			for _, at := range m.containers[o.id].items {
				if m.items[at].generation < m.generation {
					old--
				}
			}
		}
	}
	return uint64(old)
}

// adopt makes a change that happened the vault's state.
func (v *Vault) adopt(c *change) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c.keys != v.keys {
		v.manifest.generation = c.keys.generation
		v.manifest.old = v.manifest.len()
	}
	for i := range c.step.ops {
		if err := v.manifest.apply(&c.step.ops[i]); err != nil {
			panic("vault: a change that was made does not apply: " + err.Error()) // plan and apply disagree
		}
	}
	v.ring.clearBut(c.ring)
	c.ring.settle()
	if c.keys != v.keys {
		v.keys.clear()
	}
	v.keys, v.ring, v.head, v.slots = c.keys, c.ring, c.next, c.slots
}

// drop wipes what a change made that did not happen.
func (c *change) drop(v *Vault) {
	c.ring.clearBut(v.ring)
	if c.keys != v.keys {
		c.keys.clear()
	}
}

// certain is nil when there is no commit of which it is not known whether it
// happened.
func (v *Vault) certain(ctx context.Context) error {
	v.writing.Lock()
	defer v.writing.Unlock()
	return v.ready(ctx)
}

// ready finds out about a commit in doubt. It is nil when the vault can be
// changed. The caller holds writing.
func (v *Vault) ready(ctx context.Context) error {
	if v.closed {
		return ErrLocked
	}
	if v.doubt != nil {
		shell, err := v.st.Shell(ctx, v.id)
		switch {
		case err != nil:
			return fmt.Errorf("finding out whether the last change was kept: %w", err)
		case shell.Seq == v.head.seq:
			v.doubt.drop(v)
		case shell.Seq == v.doubt.next.seq && bytes.Equal(shell.Header, v.doubt.header):
			v.adopt(v.doubt)
		default:
			v.stale = true
		}
		v.doubt = nil
	}
	if v.stale {
		return fmt.Errorf("writing to the vault: %w", ErrConflict)
	}
	return nil
}
