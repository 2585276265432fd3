package vault

import (
	"encoding/binary"
	"errors"
)

// Everything that a vault seals is written with fixed widths, big endian, and
// read back strictly: docs/formats/vault.md has it byte by byte.

var errShape = errors.New("sealed bytes of an unknown shape")

// reader takes fields off the front of b. After a field that was not there, bad
// is set and every field is zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return make([]byte, n)
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8() byte         { return r.take(1)[0] }
func (r *reader) u16() uint16      { return binary.BigEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32      { return binary.BigEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64      { return binary.BigEndian.Uint64(r.take(8)) }
func (r *reader) id() ID           { return ID(r.take(16)) }
func (r *reader) digest() [32]byte { return [32]byte(r.take(32)) }
func (r *reader) flag() bool {
	v := r.u8()
	if v > 1 {
		r.bad = true
	}
	return v == 1
}

// end is nil when all was read and nothing is left.
func (r *reader) end() error {
	if r.bad || len(r.b) > 0 {
		return errShape
	}
	return nil
}

func appendFlag(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// The size of an op of each sort, in bytes.
const (
	sizePut    = 1 + 16 + 16 + 1 + 1 + 8 + 8 + 4 + 4 + 32
	sizeDelete = 1 + 16
)

func appendOp(b []byte, o *op) []byte {
	b = append(b, o.do)
	if o.do != opPut {
		return append(b, o.id[:]...)
	}
	return appendPut(b, o)
}

func (r *reader) op() (o op) {
	o.do = r.u8()
	switch o.do {
	case opPut:
		r.put(&o)
	case opDelete, opDrop:
		o.id = r.id()
	default:
		r.bad = true
	}
	return o
}

// appendPut writes what a manifest knows of a record.
func appendPut(b []byte, o *op) []byte {
	b = append(b, o.id[:]...)
	b = append(b, o.container[:]...)
	b = append(b, byte(o.kind))
	b = appendFlag(b, o.large)
	b = binary.BigEndian.AppendUint64(b, o.order)
	b = binary.BigEndian.AppendUint64(b, o.version)
	b = binary.BigEndian.AppendUint32(b, o.generation)
	b = binary.BigEndian.AppendUint32(b, o.size)
	return append(b, o.digest[:]...)
}

func (r *reader) put(o *op) {
	o.id = r.id()
	o.container = r.id()
	o.kind = Kind(r.u8())
	o.large = r.flag()
	o.order = r.u64()
	o.version = r.u64()
	o.generation = r.u32()
	o.size = r.u32()
	o.digest = r.digest()
}
