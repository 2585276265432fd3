package models

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

var smolShape = Shape{ContextLength: 8192, Layers: 30, Embedding: 576, HeadsKV: 3, KeyLen: 64, ValueLen: 64, Vocab: 49152, CacheElements: 30 * 3 * 128}

// The numbers beside are of b11434, read from RssAnon of its process.
func TestFitIsNearWhatWasSeen(t *testing.T) {
	for _, c := range []struct {
		context int
		seen    int64 // bytes, after a question
	}{{512, 33864 << 10}, {4096, 130640 << 10}, {8192, 223436 << 10}} {
		n := Fit(smolShape, 98362432, Setup{Context: c.context, Batch: 512})
		if got := n.Private(); got < c.seen || got > c.seen+c.seen/2+(24<<20) {
			t.Errorf("%d tokens: %d MB, seen were %d", c.context, got>>20, c.seen>>20)
		}
		if n.Weights != 98362432 {
			t.Errorf("%+v", n)
		}
	}
}

func TestFitCountsCopiedWeights(t *testing.T) {
	plain, copied := Fit(smolShape, 1<<30, Setup{}), Fit(smolShape, 1<<30, Setup{Copied: true})
	if copied.Private() != plain.Private()+1<<30 || copied.Weights != plain.Weights {
		t.Errorf("%+v, and copied %+v", plain, copied)
	}
}

func TestCopyingOf(t *testing.T) {
	for _, c := range []struct {
		kind         string
		amd64, arm64 Copying
	}{{"Q4_K_M", UselessCopy, FastCopy}, {"q4_k_s", UselessCopy, FastCopy}, {"Q2_K", UselessCopy, FastCopy}, {"Q4_0", FastCopy, FastCopy}, {"IQ4_NL", FastCopy, FastCopy},
		{"Q8_0", NoCopy, FastCopy}, {"Q4_1", NoCopy, NoCopy}, {"F16", NoCopy, NoCopy}, {"", NoCopy, NoCopy}} {
		if a, b := CopyingOf(c.kind, "amd64"), CopyingOf(c.kind, "arm64"); a != c.amd64 || b != c.arm64 {
			t.Errorf("%s: %d and %d", c.kind, a, b)
		}
	}
}

func TestFitNeverWraps(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		big := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, math.MaxUint64}))
		s := Shape{Layers: big.Draw(r, "layers"), Embedding: big.Draw(r, "width"), Vocab: big.Draw(r, "vocab"), CacheElements: big.Draw(r, "cache"),
			ContextLength: big.Draw(r, "length")}
		n := Fit(s, rapid.Int64().Draw(r, "size"), Setup{rapid.Int().Draw(r, "context"), rapid.Int().Draw(r, "batch"), rapid.Bool().Draw(r, "copied"), rapid.Int64().Draw(r, "projector")})
		if n.Private() < fitProgram || n.Weights < 0 || n.Cache < 0 {
			r.Fatalf("%+v", n)
		}
		if c := FitContext(s, rapid.Int64().Draw(r, "memory")); c < 0 || c > 16384 {
			r.Fatal(c)
		}
	})
}

func TestFitContext(t *testing.T) {
	llama := Shape{Layers: 32, Embedding: 4096, CacheElements: 32 * 8 * 256, ContextLength: 131072}
	for _, c := range []struct {
		shape  Shape
		memory int64
		want   int
	}{{smolShape, 24 << 30, 8192}, {smolShape, 1 << 30, 2048}, {llama, 24 << 30, 8192}, {llama, 64 << 30, 16384}, {llama, 1 << 30, 2048}, {Shape{ContextLength: 512}, 24 << 30, 512}} {
		if got := FitContext(c.shape, c.memory); got != c.want {
			t.Errorf("%+v with %d GiB: %d, not %d", c.shape, c.memory>>30, got, c.want)
		}
	}
}
