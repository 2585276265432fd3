package eval

import (
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"testing"
)

// vectors are embeddings by the digest of their text.
type vectors map[[sha256.Size]byte][]float32

func (v vectors) of(t testing.TB, text string) []float32 {
	t.Helper()
	got, ok := v[sha256.Sum256([]byte(text))]
	if !ok {
		t.Fatalf("there is no embedding of %.60q: make them with `make eval UPDATE=1`", text)
	}
	return got
}

// The embeddings of the set are kept beside it, a byte a number as in the
// product's index, so that a short run measures what is found by both without
// an engine. The long run makes them anew and compares.
const vectorsFile = "testdata/minilm.vectors"

const shortSum = 8 // bytes of a text's digest in the file

func decodeVectors(b []byte, texts []string) (vectors, error) {
	const size = shortSum + dims
	if len(b) != size*len(texts) {
		return nil, fmt.Errorf("%s has %d bytes where %d texts have %d: make it anew with `make eval UPDATE=1`", vectorsFile, len(b), len(texts), size*len(texts))
	}
	v := make(vectors)
	for i, text := range texts {
		sum := sha256.Sum256([]byte(text))
		at := b[i*size : (i+1)*size]
		if [shortSum]byte(at) != [shortSum]byte(sum[:]) {
			return nil, fmt.Errorf("%s has an embedding of another text than %.60q: make it anew with `make eval UPDATE=1`", vectorsFile, text)
		}
		x := make([]float32, dims)
		for k, n := range at[shortSum:] {
			x[k] = float32(int8(n))
		}
		v[sum] = x
	}
	return v, nil
}

// embedded are the texts of which the set needs embeddings, each once: our
// passages, the peer's, and the English questions.
func (s *set) embedded() (texts []string) {
	seen := make(map[string]bool)
	add := func(text string) {
		if !seen[text] {
			seen[text] = true
			texts = append(texts, text)
		}
	}
	for _, p := range s.passages() {
		add(p.text)
	}
	for _, p := range s.peerPassages() {
		add(p.text)
	}
	for _, q := range s.some(func(q *question) bool { return q.lang == "en" }) {
		add(q.wanted())
	}
	return texts
}

func keptVectors(t testing.TB, s *set) vectors {
	t.Helper()
	b, err := os.ReadFile(vectorsFile)
	must(t, err)
	v, err := decodeVectors(b, s.embedded())
	must(t, err)
	return v
}

// Embeddings of other texts than those of the set are not taken for theirs.
func TestKeptVectors(t *testing.T) {
	s := loadSet(t)
	b, err := os.ReadFile(vectorsFile)
	must(t, err)
	texts := s.embedded()
	other := slices.Clone(texts)
	other[len(other)/2] += "."
	for name, list := range map[string][]string{"a text that changed": other, "a text more": append(other, "x"), "a text less": texts[1:]} {
		if _, err := decodeVectors(b, list); err == nil {
			t.Errorf("%s goes unnoticed", name)
		}
	}
	if _, err := decodeVectors(b, texts); err != nil {
		t.Error(err)
	}
}
