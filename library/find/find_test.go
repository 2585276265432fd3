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
		{ID{1}, 1./6 + 1./8}, // what stands twice counts once, at its first place
		{ID{3}, 1./8 + 1./6},
		{ID{9}, 1. / 6},
		{ID{2}, 1. / 7},
		{ID{4}, 1. / 7},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-12 })); diff != "" {
		t.Error(diff)
	}
}

// What is first by its words, as a number that is asked for, stands before what
// is far behind by words and by meaning.
func TestTheFirstIsNotBuried(t *testing.T) {
	var words, meaning []ID
	for i := range byte(40) {
		words, meaning = append(words, ID{1, i}), append(meaning, ID{2, i})
	}
	words[20], meaning[20] = ID{9}, ID{9}
	if got := Fuse(words, meaning); got[0].ID != (ID{1, 0}) || got[1].ID != (ID{2, 0}) {
		t.Errorf("%v comes first", got[0].ID)
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
	g, less := Gate{Coverage: 0.5, Cosine: 0.6}, Gate{Coverage: 0.5, Less: 0.2}
	for _, c := range []struct {
		g    Gate
		e    Evidence
		want bool
	}{
		{g, Evidence{Coverage: 0.5, Among: many}, true},
		{g, Evidence{Coverage: 0.49, Among: many}, false},
		{g, Evidence{Cosine: 0.6, Embedded: true, Among: many}, true},
		{g, Evidence{Coverage: 0.26, Cosine: 0.3, Embedded: true, Among: many}, true}, // half of each
		{g, Evidence{Coverage: 0.24, Cosine: 0.3, Embedded: true, Among: many}, false},
		{g, Evidence{Coverage: 0.49, Cosine: -0.9, Embedded: true, Among: many}, false},
		{g, Evidence{Coverage: 0.5, Cosine: -0.9, Embedded: true, Among: many}, true}, // being far takes nothing away
		{g, Evidence{Cosine: 0.9, Among: many}, false},                                // of nothing
		{g, Evidence{Among: many}, false},
		{g, Evidence{Coverage: nan, Cosine: nan, Embedded: true, Among: many}, false},
		{Gate{}, Evidence{Coverage: 1, Cosine: 1, Embedded: true, Among: many}, false},
		{Gate{Coverage: nan, Cosine: nan, Less: nan}, Evidence{Coverage: 1, Cosine: 1, Embedded: true}, false},
		{Gate{Coverage: -1, Cosine: -1}, Evidence{Embedded: true, Among: many}, false},
		{Gate{Coverage: 0.5}, Evidence{Cosine: 0.9, Embedded: true, Among: many}, false},
		// Among ten times fewer passages a fifth less, among the fewest a third.
		{less, Evidence{Coverage: 0.51, Among: 1000 * many}, true},
		{less, Evidence{Coverage: 0.49, Among: many}, false},
		{less, Evidence{Coverage: 0.41, Among: many / 10}, true},
		{less, Evidence{Coverage: 0.39, Among: many / 10}, false},
		{less, Evidence{Coverage: 0.34, Among: few}, true},
		{less, Evidence{Coverage: 0.32, Among: 1}, false},
		{less, Evidence{Coverage: 0.32, Among: -1}, false},
		{Gate{Coverage: 0.5, Less: 1}, Evidence{Coverage: 0.001, Among: 1}, true},
		{Gate{Coverage: 0.5, Less: 1}, Evidence{Among: 1}, false}, // nothing was found
		{Gate{Less: 1}, Evidence{Coverage: 1, Cosine: 1, Embedded: true, Among: 1}, false},
	} {
		if got := c.g.Enough(c.e); got != c.want {
			t.Errorf("%v lets %v through: %t", c.g, c.e, got)
		}
	}
}

// A model that nobody measured opens no gate: words alone decide.
func TestNeeded(t *testing.T) {
	if g := Needed([32]byte{1}); g != Needed([32]byte{}) || g.Coverage <= 0 || g.Cosine != 0 {
		t.Errorf("a model that nobody measured has %+v", g)
	}
	miniLM := [32]byte{0x55, 0x5e, 0xdd, 0x70, 0xe5, 0x9f, 0xd4, 0x5b, 0x63, 0xc3, 0xc3, 0x35, 0x29, 0xc3, 0x4b, 0x18,
		0x47, 0x92, 0x98, 0x94, 0x01, 0x67, 0xa1, 0xe5, 0x12, 0x08, 0xc1, 0xb1, 0xea, 0xa0, 0x66, 0x2b}
	if g := Needed(miniLM); g.Cosine <= 0 || g.Coverage <= Needed([32]byte{}).Coverage {
		t.Errorf("of the model of the tests words alone decide as without it: %+v", g)
	}
}
