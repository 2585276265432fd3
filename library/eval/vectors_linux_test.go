//go:build eval

package eval

import (
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write the embeddings of the set anew")

// TestVectors embeds the set with the real model in the real engine and holds
// the embeddings that are kept against that.
func TestVectors(t *testing.T) {
	s := loadSet(t)
	texts := s.embedded()
	home, err := os.Getwd()
	must(t, err)
	made := startMiniLM(t).cached(t, texts)
	b := encodeVectors(t, texts, made)
	file := filepath.Join(home, vectorsFile)
	if *update {
		must(t, os.WriteFile(file, b, 0o644))
	}
	was, err := os.ReadFile(file)
	must(t, err)
	kept, err := decodeVectors(was, texts)
	must(t, err)
	least := 1.0
	for _, text := range texts {
		least = min(least, cosine(made.of(t, text), kept.of(t, text)))
	}
	t.Logf("MEASURED %d texts embedded; the kept embeddings have a cosine of %.5f at least", len(texts), least)
	if least < 0.999 {
		t.Error("the kept embeddings are not those of the model: make them anew with `make eval UPDATE=1`")
	}
}

// cached embeds texts, keeping what it made in the cache of the data, by the
// digests of model and text: embedding is what takes long.
func (m *miniLM) cached(t *testing.T, texts []string) vectors {
	t.Helper()
	const size = sha256.Size + 4*dims
	file := filepath.Join(os.Getenv("ABATON_CHECK_CACHE"), "minilm", m.digest.String()[:16]+".vectors")
	old, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	v := make(vectors)
	for part := range slices.Chunk(old, size) {
		if len(part) < size { // a run was broken off
			break
		}
		x := make([]float32, dims)
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(part[sha256.Size+4*i:]))
		}
		v[[sha256.Size]byte(part)] = x
	}
	var missing []string
	for _, text := range texts {
		if sum := sha256.Sum256([]byte(text)); v[sum] == nil {
			v[sum] = []float32{}
			missing = append(missing, text)
		}
	}
	if len(missing) == 0 {
		return v
	}
	kept, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE, 0o600)
	must(t, err)
	defer kept.Close()
	at := int64(len(old) / size * size)
	for part := range slices.Chunk(missing, 4) {
		var out []byte
		for i, x := range m.embed(t, part) {
			sum := sha256.Sum256([]byte(part[i]))
			v[sum] = x
			out = append(out, sum[:]...)
			for _, n := range x {
				out = binary.LittleEndian.AppendUint32(out, math.Float32bits(n))
			}
		}
		_, err = kept.WriteAt(out, at)
		must(t, err)
		at += int64(len(out))
	}
	return v
}

func encodeVectors(t testing.TB, texts []string, v vectors) (out []byte) {
	t.Helper()
	for _, text := range texts {
		sum := sha256.Sum256([]byte(text))
		out = append(out, sum[:shortSum]...)
		x := v.of(t, text)
		most := 0.0
		for _, n := range x {
			most = max(most, math.Abs(float64(n)))
		}
		for _, n := range x {
			out = append(out, byte(int8(math.RoundToEven(float64(n)/most*127))))
		}
	}
	return out
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}
