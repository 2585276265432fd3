// Package ggufgen writes GGUF files for tests: sound ones, a tiny model that
// the real engine loads, and files that lie. Nothing is checked on the way
// out: a caller may claim any count, type, offset or length.
package ggufgen

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// File is one GGUF file, little-endian. The zero values of Magic, Version and
// Alignment mean "GGUF", 3 and 32.
type File struct {
	Magic     string
	Version   uint32
	Alignment uint64 // of the layout; the key general.alignment is the caller's
	Pairs     []Pair
	Tensors   []Tensor

	ClaimPairs   *uint64 // written instead of the true count
	ClaimTensors *uint64
	NoPadding    bool   // no padding after the last tensor
	Trailing     []byte // appended at the very end
}

// Pair is one metadata entry. Value is a bool, string, sized integer or float,
// or a slice of these (never of slices), or Raw.
type Pair struct {
	Key   string
	Value any
}

// Raw is a value written as it stands: any type number, any bytes.
type Raw struct {
	Type  uint32
	Bytes []byte
}

// Tensor is one entry of the tensor table. Its data is written as given, even
// when it does not fit shape and type.
type Tensor struct {
	Name   string
	Shape  []uint64 // elements, the row first
	Type   uint32   // the engine's number of the type
	Data   []byte
	Offset *uint64 // written instead of the true offset
}

// Set replaces the value of key, or appends the pair.
func (f *File) Set(key string, value any) {
	if i := f.index(key); i >= 0 {
		f.Pairs[i].Value = value
		return
	}
	f.Pairs = append(f.Pairs, Pair{key, value})
}

// Value gives the value of key, nil when there is none.
func (f *File) Value(key string) any {
	if i := f.index(key); i >= 0 {
		return f.Pairs[i].Value
	}
	return nil
}

// Remove drops key.
func (f *File) Remove(key string) {
	f.Pairs = slices.DeleteFunc(f.Pairs, func(p Pair) bool { return p.Key == key })
}

// Tensor finds a tensor by name, nil when there is none.
func (f *File) Tensor(name string) *Tensor {
	for i := range f.Tensors {
		if f.Tensors[i].Name == name {
			return &f.Tensors[i]
		}
	}
	return nil
}

func (f *File) index(key string) int {
	return slices.IndexFunc(f.Pairs, func(p Pair) bool { return p.Key == key })
}

// Header writes everything before the padding that precedes the data.
func (f *File) Header() []byte {
	b := []byte(or(f.Magic, "GGUF"))
	b = binary.LittleEndian.AppendUint32(b, or(f.Version, 3))
	b = appendUint64(b, claim(f.ClaimTensors, len(f.Tensors)))
	b = appendUint64(b, claim(f.ClaimPairs, len(f.Pairs)))
	for _, p := range f.Pairs {
		b = AppendString(b, p.Key)
		typ, body := encode(p.Value)
		b = append(binary.LittleEndian.AppendUint32(b, typ), body...)
	}
	offset := uint64(0)
	for _, t := range f.Tensors {
		b = AppendString(b, t.Name)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(t.Shape)))
		for _, n := range t.Shape {
			b = appendUint64(b, n)
		}
		b = binary.LittleEndian.AppendUint32(b, t.Type)
		if t.Offset != nil {
			b = appendUint64(b, *t.Offset)
		} else {
			b = appendUint64(b, offset)
		}
		offset = f.pad(offset + uint64(len(t.Data)))
	}
	return b
}

// Bytes writes the whole file.
func (f *File) Bytes() []byte {
	b := f.Header()
	if len(f.Tensors) > 0 {
		b = f.padded(b)
	}
	for i, t := range f.Tensors {
		b = append(b, t.Data...)
		if i < len(f.Tensors)-1 || !f.NoPadding {
			b = f.padded(b)
		}
	}
	return append(b, f.Trailing...)
}

func (f *File) padded(b []byte) []byte {
	return append(b, make([]byte, f.pad(uint64(len(b)))-uint64(len(b)))...)
}

func (f *File) pad(n uint64) uint64 {
	a := or(f.Alignment, 32)
	return (n + a - 1) / a * a
}

// AppendString appends s as GGUF writes strings: length as u64, then the bytes.
func AppendString(b []byte, s string) []byte {
	return append(appendUint64(b, uint64(len(s))), s...)
}

func appendUint64(b []byte, n uint64) []byte { return binary.LittleEndian.AppendUint64(b, n) }

func claim(c *uint64, n int) uint64 {
	if c != nil {
		return *c
	}
	return uint64(n)
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// encode gives type number and bytes of a value.
func encode(v any) (uint32, []byte) {
	switch v := v.(type) {
	case Raw:
		return v.Type, v.Bytes
	case string:
		return 8, AppendString(nil, v)
	case []string:
		b := array(8, len(v))
		for _, s := range v {
			b = AppendString(b, s)
		}
		return 9, b
	case uint8, int8, uint16, int16, uint32, int32, float32, bool, uint64, int64, float64:
		return number(v), appendNumber(nil, v)
	case []uint8:
		return list(v)
	case []int8:
		return list(v)
	case []uint16:
		return list(v)
	case []uint32:
		return list(v)
	case []int32:
		return list(v)
	case []float32:
		return list(v)
	case []bool:
		return list(v)
	case []uint64:
		return list(v)
	case []float64:
		return list(v)
	}
	panic(fmt.Sprintf("ggufgen: no GGUF type for %T", v)) // a mistake in a test, not input
}

func list[T any](v []T) (uint32, []byte) {
	var zero T
	b := array(number(zero), len(v))
	for _, n := range v {
		b = appendNumber(b, n)
	}
	return 9, b
}

func array(element uint32, n int) []byte {
	return appendUint64(binary.LittleEndian.AppendUint32(nil, element), uint64(n))
}

// number gives the type numbers of gguf.h.
func number(v any) uint32 {
	switch v.(type) {
	case uint8:
		return 0
	case int8:
		return 1
	case uint16:
		return 2
	case int16:
		return 3
	case uint32:
		return 4
	case int32:
		return 5
	case float32:
		return 6
	case bool:
		return 7
	case uint64:
		return 10
	case int64:
		return 11
	}
	return 12
}

func appendNumber(b []byte, v any) []byte {
	b, err := binary.Append(b, binary.LittleEndian, v)
	if err != nil {
		panic(err) // not reached: encode let only sized values in
	}
	return b
}
