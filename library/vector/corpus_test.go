package vector

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// corpus makes vectors that lie in clusters, as those of texts do, and queries
// of the same making.
func corpus(n, dims, queries int) (ids []ID, vectors, asked [][]float32) {
	r := rand.New(rand.NewPCG(3, 4))
	normal := func(around []float32, width float64) []float32 {
		v := make([]float32, dims)
		for i := range v {
			v[i] = float32(r.NormFloat64() * width)
			if around != nil {
				v[i] += around[i]
			}
		}
		return v
	}
	centres := make([][]float32, max(1, n/50))
	for i := range centres {
		centres[i] = normal(nil, 1)
	}
	for i := range n + queries {
		v := normal(centres[r.IntN(len(centres))], 0.6)
		if i >= n {
			asked = append(asked, v)
			continue
		}
		var id ID
		binary.BigEndian.PutUint64(id[:], r.Uint64())
		ids, vectors = append(ids, id), append(vectors, v)
	}
	return ids, vectors, asked
}

func newIndex(t testing.TB, dims int) *Index {
	t.Helper()
	x, err := NewIndex(Space{Maker: [32]byte{1}, Dims: dims})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// filled is an index in segments of the size given.
func filled(t testing.TB, ids []ID, vectors [][]float32, segment int) *Index {
	t.Helper()
	x := newIndex(t, len(vectors[0]))
	for i, id := range ids {
		if err := x.Add(id, vectors[i]); err != nil {
			t.Fatal(err)
		}
		if x.Open() == segment {
			x.Swap(nil, true, x.Merge(nil, true, nil))
		}
	}
	return x
}

func search(t testing.TB, x *Index, v []float32, n int) []Hit {
	t.Helper()
	hits, err := x.Search(v, n)
	if err != nil {
		t.Fatal(err)
	}
	return hits
}
