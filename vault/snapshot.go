package vault

import (
	"context"

	"abaton.local/vault/internal/seal"
)

// Snapshots stand for the journal entries before them, which are then cut. Two
// are kept: where the newer is damaged, the older and the entries since lead to
// the same state.
const (
	snapshotAfter   = 1000 // entries since the last, or a quarter of the records if that is more
	snapshotAtClose = 100
)

// due tells whether a snapshot should go with the next commit.
func (h *header) due(records int) bool {
	return h.seq-h.snapshots[0].seq > max(snapshotAfter, uint64(records)/4)
}

// encode writes the manifest: each record as the op that puts it, without the
// op's number.
func (m *manifest) encode() []byte {
	b := make([]byte, 0, m.len()*(sizePut-1))
	for i := range m.items {
		it := &m.items[i]
		if it.in == nil {
			continue
		}
		o := it.put()
		b = appendPut(b, &o)
	}
	return b
}

// parseManifest reads what encode wrote.
func parseManifest(b []byte, generation uint32) (*manifest, error) {
	m := newManifest(generation, len(b)/(sizePut-1))
	r := reader{b: b}
	for len(r.b) > 0 {
		o := op{do: opPut}
		r.put(&o)
		if r.bad || m.find(o.id) != nil {
			return nil, errShape
		}
		if err := m.apply(&o); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// snapshotStream is the stream of the snapshot that mark names.
func (k *keys) snapshotStream(vault ID, mark *snapshotMark) stream {
	return stream{
		key:   k.snapshot,
		place: seal.Place{Vault: vault, Kind: uint8(kindSnapshot), Version: mark.seq, Generation: k.generation},
		size:  int64(mark.records) * (sizePut - 1),
	}
}

// takeSnapshot seals the manifest as it is after entry seq.
func takeSnapshot(vault ID, k *keys, m *manifest, seq uint64, head seal.Head) (snapshotMark, []Row) {
	mark := snapshotMark{seq: seq, head: head, records: uint32(m.len())}
	rows := k.snapshotStream(vault, &mark).seal(m.encode())
	mark.digest = seal.Digest(partList(rows))
	return mark, rows
}

// loadSnapshot gives the manifest as it was. Whatever is wrong with the rows is
// a *Damage; other errors are the store's.
func loadSnapshot(ctx context.Context, st Store, vault ID, k *keys, mark *snapshotMark) (*manifest, error) {
	bad := &Damage{Vault: vault, Fault: BadState}
	s := k.snapshotStream(vault, mark)
	ids := s.rows()
	rows, err := fetch(ctx, st, vault, ids)
	if err != nil {
		return nil, err
	}
	parts := make([]Row, len(ids))
	for i, id := range ids {
		parts[i] = Row{ID: id, Envelope: rows[id]}
	}
	sealed, ok := s.join(rows)
	if !ok || seal.Digest(partList(parts)) != mark.digest {
		return nil, bad
	}
	plain, err := s.open(sealed)
	if err != nil {
		return nil, bad
	}
	m, err := parseManifest(plain, k.generation)
	if err != nil {
		return nil, bad
	}
	return m, nil
}
