package find

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func ids(bytes ...byte) (out []ID) {
	for _, b := range bytes {
		out = append(out, ID{b})
	}
	return out
}

func TestFuse(t *testing.T) {
	got := Fuse(ids(1, 2, 3), ids(3, 4), nil, ids(9, 9, 1))
	want := []Ranked{
		{ID{1}, 1./61 + 1./63}, // what stands twice counts once, at its first place
		{ID{3}, 1./63 + 1./61},
		{ID{9}, 1. / 61},
		{ID{2}, 1. / 62},
		{ID{4}, 1. / 62},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-12 })); diff != "" {
		t.Error(diff)
	}
}

// A ranking alone stays as it is, and a passage that is nowhere behind another
// is not behind it when all are fused.
func TestFuseKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ranking := rapid.Custom(func(t *rapid.T) []ID {
			return ids(rapid.SliceOfNDistinct(rapid.ByteMax(30), 0, 20, rapid.ID[byte]).Draw(t, "ids")...)
		})
		a, b := ranking.Draw(t, "a"), ranking.Draw(t, "b")
		var alone []ID
		for _, r := range Fuse(a) {
			alone = append(alone, r.ID)
		}
		if !slices.Equal(a, alone) {
			t.Fatalf("%v became %v", a, alone)
		}
		place := func(list []ID, id ID) int {
			if at := slices.Index(list, id); at >= 0 {
				return at
			}
			return len(list)
		}
		fused := Fuse(a, b)
		for i := range fused {
			for k := range i {
				x, y := fused[k].ID, fused[i].ID
				// y is before x in both: it must not be behind it.
				if place(a, y) < place(a, x) && place(b, y) < place(b, x) {
					t.Fatalf("%v is before %v", x, y)
				}
			}
			if i > 0 && fused[i].Score == fused[i-1].Score && bytes.Compare(fused[i-1].ID[:], fused[i].ID[:]) >= 0 {
				t.Fatal("equals are not in order")
			}
		}
	})
}

func TestGate(t *testing.T) {
	nan := math.NaN()
	g := Gate{Coverage: 0.5, Cosine: 0.6}
	for _, c := range []struct {
		g    Gate
		e    Evidence
		want bool
	}{
		{g, Evidence{Coverage: 0.5}, true},
		{g, Evidence{Coverage: 0.49, Cosine: 0.59, Embedded: true}, false},
		{g, Evidence{Cosine: 0.6, Embedded: true}, true},
		{g, Evidence{Cosine: 0.9}, false}, // of nothing
		{g, Evidence{}, false},
		{g, Evidence{Coverage: nan, Cosine: nan, Embedded: true}, false},
		{Gate{}, Evidence{Coverage: 1, Cosine: 1, Embedded: true}, false},
		{Gate{Coverage: nan, Cosine: nan}, Evidence{Coverage: 1, Cosine: 1, Embedded: true}, false},
		{Gate{Coverage: -1, Cosine: -1}, Evidence{Embedded: true}, false},
		{Gate{Coverage: 0.5}, Evidence{Cosine: 0.9, Embedded: true}, false},
	} {
		if got := c.g.Enough(c.e); got != c.want {
			t.Errorf("%v lets %v through: %t", c.g, c.e, got)
		}
	}
}
