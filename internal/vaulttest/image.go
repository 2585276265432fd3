package vaulttest

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"abaton.local/vault"
)

// imageMagic begins a dump; docs/formats/vault.md describes the rest.
const imageMagic = "abaton vault image 1\n"

// Dump writes the whole store: the same bytes for the same content.
func (m *Memory) Dump() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := []byte(imageMagic)
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.vaults)))
	for _, id := range sorted(m.vaults) {
		img := m.vaults[id]
		b = append(b, id[:]...)
		b = binary.BigEndian.AppendUint64(b, img.Shell.Seq)
		b = appendBytes(b, img.Shell.Header)
		b = appendBytes(b, img.Shell.Slots)
		b = binary.BigEndian.AppendUint32(b, uint32(len(img.Journal)))
		for _, e := range img.Journal {
			b = binary.BigEndian.AppendUint64(b, e.Seq)
			b = appendBytes(b, e.Envelope)
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(img.Rows)))
		for _, row := range sorted(img.Rows) {
			b = append(b, row[:]...)
			b = appendBytes(b, img.Rows[row])
		}
	}
	return b
}

func sorted[T any](m map[vault.ID]T) []vault.ID {
	return slices.SortedFunc(maps.Keys(m), func(a, b vault.ID) int { return slices.Compare(a[:], b[:]) })
}

func appendBytes(b, v []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
}

// Load reads what Dump wrote.
func Load(b []byte) (*Memory, error) {
	r := imageReader{b: b}
	if string(r.take(len(imageMagic))) != imageMagic {
		return nil, errors.New("no image of a store")
	}
	m := &Memory{vaults: make(map[vault.ID]*Image)}
	for n := r.number(4); n > 0 && !r.bad; n-- {
		id := vault.ID(r.fixed(16))
		img := &Image{Rows: make(map[vault.ID][]byte)}
		img.Shell = vault.Shell{Seq: r.number(8), Header: r.bytes(), Slots: r.bytes()}
		for n := r.number(4); n > 0 && !r.bad; n-- {
			img.Journal = append(img.Journal, vault.Entry{Seq: r.number(8), Envelope: r.bytes()})
		}
		for n := r.number(4); n > 0 && !r.bad; n-- {
			row := vault.ID(r.fixed(16))
			img.Rows[row] = r.bytes()
		}
		m.vaults[id] = img
	}
	if r.bad || len(r.b) > 0 {
		return nil, errors.New("an image of a store that is damaged")
	}
	return m, nil
}

type imageReader struct {
	b   []byte
	bad bool
}

func (r *imageReader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *imageReader) fixed(n int) []byte {
	if b := r.take(n); b != nil {
		return b
	}
	return make([]byte, n)
}

func (r *imageReader) number(size int) (n uint64) {
	for _, b := range r.take(size) {
		n = n<<8 | uint64(b)
	}
	return n
}

func (r *imageReader) bytes() []byte { return r.take(int(r.number(4))) }
