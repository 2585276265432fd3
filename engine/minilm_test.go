package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"abaton.local/internal/ggufgen"
	"abaton.local/models"
)

// miniLM puts the prepared embedding model on a shelf of its own.
func miniLM(t *testing.T) (*models.Shelf, models.Digest) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(os.Getenv("ABATON_CHECK_CACHE"), "minilm", "minilm.gguf"))
	if err != nil {
		t.Fatalf("run `make check`, which prepares the model: %v", err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != ggufgen.MiniLMDigest {
		t.Fatal("the prepared model is another one: remove it and run `make base`")
	}
	return shelfOfBytes(t, b)
}

// A real model gives the similarities that its makers publish.
func TestRealEmbeddings(t *testing.T) {
	s, d := miniLM(t)
	e := start(t, func(c *Config) { c.Shelf = s })
	m := Meaning{Person: "anna", Model: d, Texts: []string{"That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"}}
	v, err := e.Embed(t.Context(), m)
	if err != nil || len(v.Of[0]) != 384 {
		t.Fatal(err)
	}
	for i, want := range []float64{1, 0.695, 0.943, 0.257} {
		got := 0.0
		for k := range v.Of[0] {
			got += float64(v.Of[0][k]) * float64(v.Of[i][k])
		}
		if math.Abs(got-want) > 0.01 {
			t.Errorf("%q: %.4f, not %.3f", m.Texts[i], got, want)
		}
	}
	m.Texts = []string{"short", strings.Repeat("word ", 511)}
	_, err = e.Embed(t.Context(), m)
	if f := faultOf(t, err, TooLong); !strings.Contains(f.What, "number 2 has 513 tokens") {
		t.Error(f)
	}
	m.Texts[1] = strings.Repeat("word ", 510)
	if v, err = e.Embed(t.Context(), m); err != nil || v.Tokens != 3+512 {
		t.Errorf("%d %v", v.Tokens, err)
	}
}
