package vault

import (
	"encoding/binary"

	"abaton.local/vault/internal/seal"
)

// step is one journal entry: what one commit did.
type step struct {
	previous seal.Head
	slots    slotsMark // where version is not 0: the slot set from here on
	ops      []op
}

func (s *step) encode() []byte {
	b := make([]byte, 0, 32+8+32+4+len(s.ops)*sizePut)
	b = append(b, s.previous[:]...)
	b = binary.BigEndian.AppendUint64(b, s.slots.version)
	b = append(b, s.slots.digest[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.ops)))
	for i := range s.ops {
		b = appendOp(b, &s.ops[i])
	}
	return b
}

func parseStep(b []byte) (s step, err error) {
	r := reader{b: b}
	s.previous = r.digest()
	s.slots.version = r.u64()
	s.slots.digest = r.digest()
	n := int(r.u32())
	if r.bad || n > len(r.b)/sizeDelete {
		return step{}, errShape
	}
	s.ops = make([]op, n)
	for i := range s.ops {
		s.ops[i] = r.op()
	}
	return s, r.end()
}

func journalPlace(vault ID, seq uint64, generation uint32) seal.Place {
	return seal.Place{Vault: vault, Kind: uint8(kindJournal), Version: seq, Generation: generation}
}
