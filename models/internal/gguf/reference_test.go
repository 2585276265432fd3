package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
)

// The reference reader: everything in memory, one value after another, big
// integers, no caps, no cleverness. It shares no code with Check, so what both
// read alike was hardly misread twice. It knows only the bare format.

type refFile struct {
	version uint32
	pairs   []refPair
	tensors []refTensor
	header  int64 // bytes
	align   int64
}

type refPair struct {
	key     string
	typ     uint32
	value   any // numbers as they are; strings; []any for arrays
	element uint32
}

type refTensor struct {
	name   string
	shape  []uint64
	typ    uint32
	offset uint64
}

type refReader struct {
	*bytes.Reader
}

func read[T any](r refReader) (T, error) {
	var v T
	err := binary.Read(r, binary.LittleEndian, &v)
	return v, err
}

func (r refReader) str() (string, error) {
	n, err := read[uint64](r)
	if err != nil {
		return "", err
	}
	if n > uint64(r.Len()) {
		return "", io.ErrUnexpectedEOF
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return string(b), err
}

func anyOf[T any](r refReader) (any, error) {
	v, err := read[T](r)
	return v, err
}

func (r refReader) value(typ uint32) (any, error) {
	switch typ {
	case 0:
		return anyOf[uint8](r)
	case 1:
		return anyOf[int8](r)
	case 2:
		return anyOf[uint16](r)
	case 3:
		return anyOf[int16](r)
	case 4:
		return anyOf[uint32](r)
	case 5:
		return anyOf[int32](r)
	case 6:
		return anyOf[float32](r)
	case 7:
		return anyOf[bool](r)
	case 8:
		return r.str()
	case 10:
		return anyOf[uint64](r)
	case 11:
		return anyOf[int64](r)
	case 12:
		return anyOf[float64](r)
	}
	return nil, fmt.Errorf("no type %d", typ)
}

// reference reads a whole file.
func reference(b []byte) (*refFile, error) {
	r := refReader{bytes.NewReader(b)}
	magic := make([]byte, 4)
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != "GGUF" {
		return nil, errors.New("no GGUF")
	}
	f := &refFile{align: 32}
	var err error
	if f.version, err = read[uint32](r); err != nil {
		return nil, err
	}
	tensors, err := read[uint64](r)
	if err != nil {
		return nil, err
	}
	pairs, err := read[uint64](r)
	if err != nil {
		return nil, err
	}
	for range pairs {
		var p refPair
		if p.key, err = r.str(); err != nil {
			return nil, err
		}
		if p.typ, err = read[uint32](r); err != nil {
			return nil, err
		}
		if p.typ != 9 {
			if p.value, err = r.value(p.typ); err != nil {
				return nil, fmt.Errorf("%s: %w", p.key, err)
			}
		} else {
			if p.element, err = read[uint32](r); err != nil {
				return nil, err
			}
			n, err := read[uint64](r)
			if err != nil {
				return nil, err
			}
			list := []any{}
			for range n {
				v, err := r.value(p.element)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", p.key, err)
				}
				list = append(list, v)
			}
			p.value = list
		}
		if a, ok := p.value.(uint32); ok && p.key == "general.alignment" {
			f.align = int64(a)
		}
		f.pairs = append(f.pairs, p)
	}
	for range tensors {
		var t refTensor
		if t.name, err = r.str(); err != nil {
			return nil, err
		}
		dimensions, err := read[uint32](r)
		if err != nil {
			return nil, err
		}
		for range dimensions {
			n, err := read[uint64](r)
			if err != nil {
				return nil, err
			}
			t.shape = append(t.shape, n)
		}
		if t.typ, err = read[uint32](r); err != nil {
			return nil, err
		}
		if t.offset, err = read[uint64](r); err != nil {
			return nil, err
		}
		f.tensors = append(f.tensors, t)
	}
	f.header = int64(len(b) - r.Len())
	return f, nil
}

// value gives the value of a key, nil when there is none.
func (f *refFile) value(key string) any {
	for _, p := range f.pairs {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

// elements multiplies a shape without bounds.
func (t refTensor) elements() *big.Int {
	n := big.NewInt(1)
	for _, d := range t.shape {
		n.Mul(n, new(big.Int).SetUint64(d))
	}
	return n
}

// bytes gives the size of a tensor's data, by its own table of bits per block.
func (t refTensor) bytes() *big.Int {
	sizes := map[uint32][2]int64{ // elements, bytes
		0: {1, 4}, 1: {1, 2}, 2: {32, 18}, 3: {32, 20}, 6: {32, 22}, 7: {32, 24}, 8: {32, 34},
		10: {256, 84}, 11: {256, 110}, 12: {256, 144}, 13: {256, 176}, 14: {256, 210},
		16: {256, 66}, 17: {256, 74}, 18: {256, 98}, 19: {256, 50}, 20: {32, 18}, 21: {256, 110}, 22: {256, 82}, 23: {256, 136},
		24: {1, 1}, 25: {1, 2}, 26: {1, 4}, 27: {1, 8}, 28: {1, 8}, 29: {256, 56}, 30: {1, 2},
		34: {256, 54}, 35: {256, 66}, 39: {32, 17}, 40: {64, 36}, 41: {128, 18}, 42: {64, 18},
	}
	s, ok := sizes[t.typ]
	if !ok {
		return nil
	}
	n := t.elements()
	n.Mul(n, big.NewInt(s[1]))
	return n.Div(n, big.NewInt(s[0]))
}
