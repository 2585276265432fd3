package gguf

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"abaton.local/internal/ggufgen"
)

// agree fails when Check accepts b and the reference reader sees another file.
func agree(t *testing.T, b []byte) (accepted bool) {
	t.Helper()
	if _, err := examine(b); err != nil {
		return false
	}
	for _, d := range disagreements(b) {
		t.Error(d)
	}
	return true
}

func TestAgreesOnSoundFiles(t *testing.T) {
	for name, f := range map[string]*ggufgen.File{"small": sound(), "tiny llama": ggufgen.TinyLlama(1)} {
		if !agree(t, f.Bytes()) {
			t.Errorf("%s is not accepted", name)
		}
	}
}

// TestAgreesOnDamage changes a sound file at random, a little and often, so
// that many changed files are still accepted.
func TestAgreesOnDamage(t *testing.T) {
	f := sound()
	b, header := f.Bytes(), len(f.Header())
	random := rand.New(rand.NewPCG(3, 14))
	interesting := []byte{0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 16, 31, 32, 64, 127, 128, 255}
	accepted := 0
	for range 8000 {
		damaged := append([]byte(nil), b...)
		for range 1 + random.IntN(2) {
			at := random.IntN(header)
			switch random.IntN(3) {
			case 0:
				damaged[at] ^= 1 << random.IntN(8)
			case 1:
				damaged[at] = interesting[random.IntN(len(interesting))]
			case 2:
				damaged[at] = byte(random.IntN(256))
			}
		}
		if agree(t, damaged) {
			accepted++
		}
		if t.Failed() {
			t.Fatalf("damaged file: %q", damaged[:header])
		}
	}
	if accepted < 400 {
		t.Errorf("only %d damaged files were accepted: the property was hardly tried", accepted)
	}
	t.Logf("%d of 8000 accepted", accepted)
}

// FuzzCheck: whatever the bytes, Check returns, and what it accepts the
// reference reader reads alike.
func FuzzCheck(f *testing.F) {
	f.Add(sound().Bytes())
	f.Fuzz(func(t *testing.T, b []byte) { agree(t, b) })
}

const corpus = "testdata/fuzz/FuzzCheck"

// TestSeeds holds the fuzzer's seeds: there, small, and both verdicts among them.
func TestSeeds(t *testing.T) {
	seeds, err := filepath.Glob(filepath.Join(corpus, "*"))
	if err != nil || len(seeds) < 8 {
		t.Fatalf("%d seeds in %s, want 8 or more (%v)", len(seeds), corpus, err)
	}
	total, verdicts := 0, map[bool]int{}
	for _, name := range seeds {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		total += len(text)
		var b []byte
		if _, err := fmt.Sscanf(string(text), "go test fuzz v1\n[]byte(%q)\n", &b); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		verdicts[agree(t, b)]++
	}
	if total > 64<<10 || verdicts[true] < 3 || verdicts[false] < 3 {
		t.Errorf("%d bytes of seeds, %d accepted, %d refused", total, verdicts[true], verdicts[false])
	}
}
