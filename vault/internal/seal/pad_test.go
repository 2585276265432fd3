package seal

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestPadme(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 1, 2: 2, 9: 10, 256: 256, 257: 272, 1000: 1024, 1025: 1088, 1 << 20: 1 << 20, 1<<20 + 1: 1<<20 + 1<<15} {
		if got := Padme(n); got != want {
			t.Errorf("%d is padded to %d, not %d", n, got, want)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	worst, last, sizes := 0.0, 0, 0
	check := func(n int) int {
		p := Padme(n)
		if p < n || Padme(p) != p || float64(p) > 1.12*float64(n) {
			t.Fatalf("%d is padded to %d, and that to %d", n, p, Padme(p))
		}
		return p
	}
	for n := 256; n <= 1<<20; n++ {
		p := check(n)
		if p < last {
			t.Fatalf("%d is padded to less than what is smaller", n)
		}
		if p != last {
			sizes++
		}
		last, worst = p, max(worst, float64(p-n)/float64(n))
	}
	for range 100_000 {
		check(1<<20 + int(random.Int64N(1<<60)))
	}
	if worst > 0.0625 || sizes > 300 {
		t.Errorf("from 256 bytes to 1 MiB: at most %.2f %% more, %d sizes", 100*worst, sizes)
	}
	for n := range 256 {
		check(n)
		if n > 0 && padded(n-1) != 256 && padded(n-1) < n+3 {
			t.Fatalf("%d", n)
		}
	}
	if padded(0) != 256 || padded(252) != 256 || padded(253) != 272 || padded(MaxPayload) != maxPadded || Padme(maxPadded+1) <= maxPadded {
		t.Error("the bounds are elsewhere")
	}
	t.Logf("at most %.2f %% more, %d sizes below 1 MiB", 100*worst, sizes)
}

func TestPaddingAndBack(t *testing.T) {
	for n := range 2000 {
		b := appendPadded([]byte("x"), noise(n))
		got, why := unpad(b[1:])
		if why != opened || !bytes.Equal(got, noise(n)) || len(b)-1 != padded(n) {
			t.Fatalf("%d bytes: %q", n, why)
		}
	}
}
