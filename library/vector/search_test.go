package vector

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// reference ranks by the definition, in full numbers.
func reference(docs map[ID][]float32, v []float32, n int) []Hit {
	var hits []Hit
	for id, d := range docs {
		var product, a, b float64
		for i := range v {
			product += float64(v[i]) * float64(d[i])
			a += float64(v[i]) * float64(v[i])
			b += float64(d[i]) * float64(d[i])
		}
		hits = append(hits, Hit{id, product / math.Sqrt(a*b)})
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		if before(a, b) {
			return -1
		}
		return 1
	})
	return hits[:min(n, len(hits))]
}

// exact draws vectors that one byte a dimension holds without loss, so that the
// reference must agree.
func exact() *rapid.Generator[[]float32] {
	return rapid.Custom(func(t *rapid.T) []float32 {
		v := make([]float32, 11)
		for i := range v {
			v[i] = float32(rapid.IntRange(-3, 3).Draw(t, "number")) * 127 / 4
			v[i] = float32(math.RoundToEven(float64(v[i])))
		}
		v[rapid.IntRange(0, 10).Draw(t, "greatest")] = 127
		return v
	})
}

// TestAgainstTheReference lets an index live: vectors come, change and go,
// parts are sealed, merged, encoded and read again; whatever happened, it finds
// what the reference finds in the vectors that are left, by signs as well where
// they choose everything.
func TestAgainstTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space := Space{Maker: [32]byte{7}, Dims: 11}
		fresh := func() *Index {
			x, err := NewIndex(space)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		x := fresh()
		docs := make(map[ID][]float32)
		anID := rapid.Custom(func(t *rapid.T) ID { return ID{rapid.Byte().Draw(t, "id") % 24, 7} })
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				id, v := anID.Draw(t, "id"), exact().Draw(t, "vector")
				if err := x.Add(id, v); err != nil {
					t.Fatal(err)
				}
				docs[id] = v
			},
			"delete": func(t *rapid.T) {
				id := anID.Draw(t, "id")
				x.Delete(id, id)
				delete(docs, id)
			},
			"merge": func(t *rapid.T) {
				var out []*Segment
				for _, s := range x.Segments() {
					if rapid.Bool().Draw(t, "this one") {
						out = append(out, s)
					}
				}
				open := rapid.Bool().Draw(t, "the open part")
				x.Swap(out, open, x.Merge(out, open, nil))
			},
			"leave out": func(t *rapid.T) {
				id := anID.Draw(t, "id")
				out := x.Segments()
				x.Swap(out, true, x.Merge(out, true, func(d ID) bool { return d == id }))
				delete(docs, id)
			},
			"reopen": func(t *rapid.T) {
				y := fresh()
				for _, p := range x.parts[1:] {
					again, err := Decode(bytes.Clone(p.seg.Encoded()))
					if err != nil {
						t.Fatal(err)
					}
					live := func(id ID) bool {
						i, _ := p.seg.find(id)
						return !p.isDead(i)
					}
					for range rapid.IntRange(1, 2).Draw(t, "times") { // what is there already counts once
						if err := y.Attach(again, live); err != nil {
							t.Fatal(err)
						}
					}
				}
				for id, v := range docs { // what was in no segment
					if !y.Has(id) {
						if err := y.Add(id, v); err != nil {
							t.Fatal(err)
						}
					}
				}
				x = y
			},
			"": func(t *rapid.T) {
				if x.Len() != len(docs) {
					t.Fatalf("%d vectors, want %d", x.Len(), len(docs))
				}
				// The query is rounded more finely than the vectors: not to nothing.
				v, n := exact().Draw(t, "query"), rapid.IntRange(1, 30).Draw(t, "n")
				want := reference(docs, v, n)
				got, err := x.Search(v, n)
				if err != nil || len(got) != len(want) {
					t.Fatalf("%d hits, the reference has %d, %v", len(got), len(want), err)
				}
				for i := range got {
					if math.Abs(got[i].Cosine-want[i].Cosine) > 1e-3 {
						t.Fatalf("hit %d is %v, the reference says %v", i, got[i], want[i])
					}
				}
				numbers, _ := quantize(v, space.Dims, fine)
				q := ask(numbers)
				if len(docs) <= n*oversampling && !slices.Equal(got, x.bySigns(&q, n, nil)) {
					t.Fatal("by signs there is another order")
				}
			},
		})
	})
}

// However vectors came, they make the same segment, and it is no other when it
// was merged from parts.
func TestMergeEqualsBuild(t *testing.T) {
	ids, vectors, asked := corpus(700, 48, 20)
	one, parts := filled(t, ids, vectors, 1000), filled(t, ids, vectors, 97)
	for _, v := range asked {
		if !slices.Equal(search(t, one, v, 50), search(t, parts, v, 50)) {
			t.Fatal("how vectors lie makes a difference")
		}
	}
	parts.Delete(ids[:200]...)
	rest := filled(t, ids[200:], vectors[200:], 1000)
	before := search(t, parts, asked[0], 50)
	merged := parts.Merge(parts.Segments(), true, nil)
	if !bytes.Equal(merged.Encoded(), rest.Merge(nil, true, nil).Encoded()) {
		t.Fatal("merging made another segment than building from what is left")
	}
	parts.Swap(parts.Segments(), true, merged)
	if !slices.Equal(before, search(t, parts, asked[0], 50)) || !slices.Equal(before, search(t, rest, asked[0], 50)) {
		t.Error("merging changed the ranking")
	}
	if parts.Deleted(merged) != 0 || len(parts.Segments()) != 1 {
		t.Error("something deleted is left")
	}
}

// One byte a dimension loses little of what full numbers find.
func TestRecallOfBytes(t *testing.T) {
	ids, vectors, asked := corpus(1500, 384, 30)
	x := filled(t, ids, vectors, 1000)
	docs := make(map[ID][]float32)
	for i, id := range ids {
		docs[id] = vectors[i]
	}
	found := 0
	for _, v := range asked {
		got := search(t, x, v, 10)
		for _, h := range reference(docs, v, 10) {
			if slices.ContainsFunc(got, func(g Hit) bool { return g.ID == h.ID }) {
				found++
			}
		}
	}
	recall := float64(found) / float64(10*len(asked))
	t.Logf("recall@10 %.3f", recall)
	if recall < 0.95 {
		t.Errorf("recall@10 is %.3f, at least 0.95 is wanted", recall)
	}
}

// The signs are relied on in a large index where a trial on its own vectors
// allows it, and only there.
func TestCalibrate(t *testing.T) {
	ids, vectors, asked := corpus(signsFrom, 160, 10)
	for _, c := range []struct {
		name string
		dims int
		hold bool
	}{
		{"signs that say much", 160, true},
		{"signs that say little", 12, false},
	} {
		short := make([][]float32, len(vectors))
		for i, v := range vectors {
			short[i] = v[:c.dims]
		}
		x := filled(t, ids, short, 20_000)
		if x.signsHold() {
			t.Errorf("%s: relied on before a trial", c.name)
		}
		recall := x.Calibrate()
		t.Logf("%s: recall %.3f", c.name, recall)
		if x.signsHold() != c.hold || c.hold != (recall >= enough) {
			t.Errorf("%s: recall %.3f, relied on: %t", c.name, recall, x.signsHold())
		}
		if !c.hold {
			continue
		}
		same := 0
		for _, v := range asked {
			numbers, err := quantize(v[:c.dims], c.dims, fine)
			if err != nil {
				t.Fatal(err)
			}
			q := ask(numbers)
			got := search(t, x, v[:c.dims], 10)
			for _, h := range x.all(&q, 10, nil) {
				if slices.Contains(got, h) {
					same++
				}
			}
		}
		if same < 95 {
			t.Errorf("%d of 100 nearest are found", same)
		}
		x.Delete(ids[0])
		if x.signsHold() {
			t.Error("a small index relies on signs")
		}
	}
	if recall := filled(t, ids[:10], vectors[:10], 100).Calibrate(); recall != 1 {
		t.Errorf("a small index was tried: %v", recall)
	}
}

func TestWhatIsNoVector(t *testing.T) {
	x := newIndex(t, 3)
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for _, v := range [][]float32{nil, {1, 2}, {1, 2, 3, 4}, {0, 0, 0}, {1, nan, 0}, {1, 0, inf}} {
		_, err := x.Search(v, 1)
		if _, ok := errors.AsType[*VectorError](err); !ok {
			t.Errorf("searching for %v: %v", v, err)
		}
		if _, ok := errors.AsType[*VectorError](x.Add(ID{1}, v)); !ok {
			t.Errorf("%v was taken", v)
		}
	}
	if x.Len() != 0 {
		t.Error("something was taken")
	}
	for _, v := range [][]float32{{math.MaxFloat32, -math.MaxFloat32, 0}, {math.SmallestNonzeroFloat32, 0, 0}} {
		if err := x.Add(ID{1}, v); err != nil {
			t.Fatal(err)
		}
		if hits := search(t, x, v, 5); len(hits) != 1 || math.Abs(hits[0].Cosine-1) > 1e-3 {
			t.Errorf("%v finds %v", v, hits)
		}
	}
	for _, dims := range []int{-1, 0, maxDims + 1} {
		if _, err := NewIndex(Space{Dims: dims}); err == nil {
			t.Errorf("an index of %d dimensions was made", dims)
		}
	}
}

// Eight at a time or one by one, a row is measured alike.
func TestMeasure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		row := rapid.SliceOfN(rapid.Byte(), 1, 150).Draw(t, "row")
		r := rows{dims: len(row)}
		got := r.measure(row)
		sum, most := 0, 0
		for i, b := range row {
			v := int(int8(b))
			sum, most = sum+v*v, max(most, v, -v)
			if negative := r.sign(0)[i/64]>>(i%64)&1 != 0; negative != (v < 0) {
				t.Fatalf("sign %d is wrong", i)
			}
		}
		if got != (most == 127) || r.inverse[0] != float32(1/math.Sqrt(float64(sum))) {
			t.Fatalf("%t, %v", got, r.inverse)
		}
	})
}

// The greatest numbers in the most dimensions stay within the sums.
func TestNoOverflow(t *testing.T) {
	x := newIndex(t, maxDims)
	v := slices.Repeat([]float32{-1}, maxDims)
	if err := x.Add(ID{1}, v); err != nil {
		t.Fatal(err)
	}
	if hits := search(t, x, v, 1); math.Abs(hits[0].Cosine-1) > 1e-6 {
		t.Errorf("the cosine to itself is %v", hits[0].Cosine)
	}
}

func TestSpacesDoNotMeet(t *testing.T) {
	x := newIndex(t, 3)
	if err := x.Add(ID{1}, []float32{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	s := x.Merge(nil, true, nil)
	y, err := NewIndex(Space{Maker: [32]byte{2}, Dims: 3})
	if err != nil {
		t.Fatal(err)
	}
	err = y.Attach(s, func(ID) bool { return true })
	if _, ok := errors.AsType[*SpaceError](err); !ok || y.Len() != 0 {
		t.Errorf("another model's vectors were taken: %v", err)
	}
}

// Searching goes on while vectors come, go, are merged and tried.
func TestSearchAtOnce(t *testing.T) {
	ids, vectors, asked := corpus(400, 16, 4)
	x := filled(t, ids[:200], vectors[:200], 64)
	var work sync.WaitGroup
	for _, v := range asked {
		work.Go(func() {
			for range 50 {
				if hits, err := x.Search(v, 10); err != nil || len(hits) != 10 {
					t.Errorf("%d hits, %v", len(hits), err)
				}
				x.Calibrate()
			}
		})
	}
	for i := 200; i < 400; i++ {
		if err := x.Add(ids[i], vectors[i]); err != nil {
			t.Fatal(err)
		}
		x.Delete(ids[i-200])
		if i%50 == 0 {
			all := x.Segments()
			x.Swap(all, true, x.Merge(all, true, nil))
		}
	}
	work.Wait()
	if want := filled(t, ids[200:], vectors[200:], 1000); !slices.Equal(search(t, x, asked[0], 50), search(t, want, asked[0], 50)) {
		t.Error("something else is left")
	}
}
