package vector

import (
	"math"
	"testing"
)

// The page describes what is written: a reader made of it alone, which shares no
// code with the product and trusts what it reads, finds every vector again.
func TestSecondReader(t *testing.T) {
	ids, vectors, _ := corpus(300, 130, 0)
	b := filled(t, ids, vectors, 1000).Merge(nil, true, nil).Encoded()
	take := func(n int) []byte {
		part := b[:n]
		b = b[n:]
		return part
	}
	u := func() (v int) {
		for shift := 0; ; shift += 7 {
			x := take(1)[0]
			v |= int(x&127) << shift
			if x < 128 {
				return v
			}
		}
	}
	if string(take(8)) != "abt-vect" || take(1)[0] != 1 || take(32)[0] != 1 {
		t.Fatal("another beginning")
	}
	dims, n := u(), u()
	if dims != 130 || n != 300 {
		t.Fatalf("%d vectors of %d dimensions", n, dims)
	}
	names := take(16 * n)
	rows := make(map[[16]byte][]byte)
	for i := range n {
		rows[[16]byte(names[16*i:])] = take(dims)
	}
	if len(b) != 0 {
		t.Fatal("something follows")
	}
	for i, id := range ids {
		var most float64
		for _, x := range vectors[i] {
			most = max(most, math.Abs(float64(x)))
		}
		for k, x := range vectors[i] {
			if want := math.RoundToEven(float64(x) / most * 127); float64(int8(rows[id][k])) != want {
				t.Fatalf("number %d of vector %d is %d, want %v", k, i, int8(rows[id][k]), want)
			}
		}
	}
}
