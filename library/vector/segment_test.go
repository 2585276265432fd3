package vector

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func small(t testing.TB) *Segment {
	x := newIndex(t, 3)
	for i, v := range [][]float32{{1, 0, -0.5}, {0.2, -0.4, 0.1}, {-3, 3, 3}} {
		if err := x.Add(ID{byte(9 - i)}, v); err != nil {
			t.Fatal(err)
		}
	}
	return x.Merge(nil, true, nil)
}

func fixture(t testing.TB) []byte {
	text, err := os.ReadFile(filepath.Join("testdata", "format1.hex"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What was written once is written so today, and read for ever.
func TestFixture(t *testing.T) {
	b := fixture(t)
	if !bytes.Equal(small(t).Encoded(), b) {
		t.Errorf("the encoding changed: %x", small(t).Encoded())
	}
	s, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(slices.Collect(s.IDs), []ID{{7}, {8}, {9}}) || s.Space() != (Space{[32]byte{1}, 3}) || !s.Holds(ID{8}) || s.Holds(ID{1}) {
		t.Error("another segment was read")
	}
	x := newIndex(t, 3)
	if err := x.Attach(s, func(ID) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if hits := search(t, x, []float32{0.2, -0.4, 0.1}, 1); hits[0].ID != (ID{8}) || hits[0].Cosine < 0.999 {
		t.Errorf("it finds %v", hits)
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	b := small(t).Encoded()
	for n := range b {
		if _, err := Decode(b[:n:n]); err == nil {
			t.Errorf("%d of %d bytes were taken", n, len(b))
		}
	}
	if _, err := Decode(append(slices.Clone(b), 0)); err == nil {
		t.Error("a byte too many was taken")
	}
}

func TestRefused(t *testing.T) {
	b := small(t).Encoded()
	at := len(magic) + 1 + 32 // dims, n, ids, rows
	change := func(i int, to ...byte) []byte {
		c := slices.Clone(b)
		copy(c[i:], to)
		return c
	}
	for name, c := range map[string][]byte{
		"no dimension":              change(at, 0),
		"another dimension":         change(at, 4),
		"a number of two bytes":     slices.Concat(b[:at], []byte{0x83, 0x00}, b[at+1:]),
		"no vector":                 change(at+1, 0),
		"more vectors than bytes":   slices.Concat(b[:at+1], []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, b[at+2:]),
		"IDs in another order":      change(at+2, 9),
		"an ID twice":               change(at+2, 8),
		"-128":                      change(len(b)-3, 0x80),
		"no number of the top size": change(len(b)-3, 0x7e, 0, 0),
		"a zero vector":             change(len(b)-3, 0, 0, 0),
	} {
		if _, err := Decode(c); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := Decode(change(len(magic), 2))
	if newer, ok := errors.AsType[*NewerError](err); !ok || newer.Format != 2 {
		t.Errorf("a later format: %v", err)
	}
}

// FuzzDecode holds what is taken against encoding it again.
func FuzzDecode(f *testing.F) {
	f.Add(small(f).Encoded())
	f.Add(fixture(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(b)
		if err != nil {
			return
		}
		x, err := NewIndex(s.Space())
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Attach(s, func(ID) bool { return true }); err != nil {
			t.Fatal(err)
		}
		v := make([]float32, s.Space().Dims)
		v[0] = 1
		hits := search(t, x, v, 3)
		for _, h := range hits {
			if h.Cosine < -1.001 || h.Cosine > 1.001 || !s.Holds(h.ID) {
				t.Fatalf("%v", h)
			}
		}
		numbers, _ := quantize(v, len(v), fine)
		q := ask(numbers)
		x.bySigns(&q, 3, nil)
		if again := x.Merge(x.Segments(), true, nil); !bytes.Equal(again.Encoded(), b) {
			t.Fatal("two encodings of one segment")
		}
	})
}
