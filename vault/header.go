package vault

import (
	"encoding/binary"

	"abaton.local/vault/internal/seal"
)

// headerFormat is the version of everything that this package seals: header,
// journal, ring, snapshots and parts.
const headerFormat = 1

// header is the sealed root of a vault: all else is reached from it.
type header struct {
	seq        uint64
	head       seal.Head
	first      uint64 // the oldest journal entry that is kept
	generation uint32 // of the root key
	old        uint64 // records that rotation has still to reseal
	slots      slotsMark
	ring       ringMark
	snapshots  [2]snapshotMark // newest first
}

// slotsMark names the slot set.
type slotsMark struct {
	version uint64
	digest  [32]byte
}

// ringMark names the pages of container keys.
type ringMark struct {
	seed   [32]byte
	keys   uint32
	digest [32]byte
}

// snapshotMark names a snapshot; the zero mark is none.
type snapshotMark struct {
	seq     uint64 // the journal entry after which it was taken
	head    seal.Head
	records uint32
	digest  [32]byte // of the digests of its parts
}

func (h *header) encode() []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 384), headerFormat)
	b = binary.BigEndian.AppendUint64(b, h.seq)
	b = append(b, h.head[:]...)
	b = binary.BigEndian.AppendUint64(b, h.first)
	b = binary.BigEndian.AppendUint32(b, h.generation)
	b = binary.BigEndian.AppendUint64(b, h.old)
	b = binary.BigEndian.AppendUint64(b, h.slots.version)
	b = append(b, h.slots.digest[:]...)
	b = append(b, h.ring.seed[:]...)
	b = binary.BigEndian.AppendUint32(b, h.ring.keys)
	b = append(b, h.ring.digest[:]...)
	for i := range h.snapshots {
		s := &h.snapshots[i]
		b = binary.BigEndian.AppendUint64(b, s.seq)
		b = append(b, s.head[:]...)
		b = binary.BigEndian.AppendUint32(b, s.records)
		b = append(b, s.digest[:]...)
	}
	return b
}

// parseHeader is ErrNewer for a format that is not known yet.
func parseHeader(b []byte) (h header, err error) {
	r := reader{b: b}
	switch format := r.u16(); {
	case r.bad || format == 0:
		return h, errShape
	case format > headerFormat:
		return h, ErrNewer
	}
	h.seq = r.u64()
	h.head = r.digest()
	h.first = r.u64()
	h.generation = r.u32()
	h.old = r.u64()
	h.slots.version = r.u64()
	h.slots.digest = r.digest()
	h.ring.seed = r.digest()
	h.ring.keys = r.u32()
	h.ring.digest = r.digest()
	for i := range h.snapshots {
		s := &h.snapshots[i]
		s.seq = r.u64()
		s.head = r.digest()
		s.records = r.u32()
		s.digest = r.digest()
	}
	return h, r.end()
}

// starts are the states from which the journal leads to the head, the nearest
// first: the snapshots, and the empty vault as long as no entry was cut.
func (h *header) starts() []snapshotMark {
	var starts []snapshotMark
	for _, s := range h.snapshots {
		if s.seq > 0 {
			starts = append(starts, s)
		}
	}
	if h.first == 1 {
		starts = append(starts, snapshotMark{})
	}
	return starts
}

// headerPlace binds the header to its vault and number. Its generation is
// inside, for nothing outside says it; another root key means another key here.
func headerPlace(vault ID, seq uint64) seal.Place {
	return seal.Place{Vault: vault, Kind: uint8(kindHeader), Version: seq}
}
