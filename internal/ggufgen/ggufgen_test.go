package ggufgen

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
)

func TestTinyLlamaIsReproducible(t *testing.T) {
	a, b, c := TinyLlama(1).Bytes(), TinyLlama(1).Bytes(), TinyLlama(2).Bytes()
	if !bytes.Equal(a, b) {
		t.Error("the same seed gave other bytes")
	}
	if bytes.Equal(a, c) || len(a) != len(c) {
		t.Error("another seed should give other weights of the same size")
	}
	if len(a) < 1<<19 || len(a) > 2<<20 {
		t.Errorf("%d bytes, want about a megabyte", len(a))
	}
}

// TestLayout follows offsets by hand: claimed ones are written, true ones used.
func TestLayout(t *testing.T) {
	f := &File{Alignment: 16, Tensors: []Tensor{
		{Name: "a", Shape: []uint64{3}, Data: []byte("abc")},
		{Name: "b", Shape: []uint64{1}, Data: []byte("d"), Offset: new(uint64(99))},
	}}
	f.Set("k", "v")
	f.Set("k", []uint16{1, 2})
	b, header := f.Bytes(), len(f.Header())
	data := (header + 15) / 16 * 16
	if string(b[data:data+3]) != "abc" || b[data+16] != 'd' || len(b) != data+32 {
		t.Errorf("data misplaced: %q", b[data:])
	}
	if got := binary.LittleEndian.Uint64(b[header-8:]); got != 99 {
		t.Errorf("offset %d, want the claimed 99", got)
	}
	if len(f.Pairs) != 1 || f.Value("k") == nil || f.Value("other") != nil || f.Tensor("b") == nil || f.Tensor("c") != nil {
		t.Error("pairs or tensors not found as they were set")
	}
	if f.Remove("k"); len(f.Pairs) != 0 {
		t.Error("not removed")
	}
}

func TestHalf(t *testing.T) {
	for v, want := range map[float32]uint16{0: 0, 1: 0x3c00, -2: 0xc000, 0.5: 0x3800, 65504: 0x7bff, 1e9: 0x7bff, 1e-9: 0, 0.333251953125: 0x3555} {
		if got := half(v); got != want {
			t.Errorf("%v: %04x, want %04x", v, got, want)
		}
	}
	if got := half(float32(math.Copysign(0, -1))); got != 0x8000 {
		t.Errorf("-0: %04x", got)
	}
}

// What is written piece by piece is what is made at once, and the blocks of
// each type fill their tensors with finite scales.
func TestQuantised(t *testing.T) {
	for _, kind := range []Kind{Q4K, Q2K, Q40, IQ4NL} {
		f := Quantised(1, kind, 1)
		var b bytes.Buffer
		if n, err := f.WriteTo(&b); err != nil || n != int64(b.Len()) || !bytes.Equal(b.Bytes(), f.Bytes()) {
			t.Errorf("%s: %d bytes, %v, written otherwise than at once", kind.Name, n, err)
		}
		x := f.Tensor("blk.0.ffn_down.weight")
		if x == nil || x.Type != kind.number || len(x.Data) != 4<<20/kind.elements*kind.bytes {
			t.Fatalf("%s: %+v", kind.Name, x)
		}
		for at := 0; at < len(x.Data); at += kind.bytes {
			for _, s := range kind.scales {
				if got := binary.LittleEndian.Uint16(x.Data[at+s.at:]); got&0x7c00 == 0x7c00 || got == 0 {
					t.Fatalf("%s: a scale of %04x", kind.Name, got)
				}
			}
		}
	}
}
