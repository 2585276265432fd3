package library

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"abaton.local/library/vector"
)

// Embedder makes vectors of texts, by which passages are found that say in other
// words what was asked for. It is given, as a [Parser] is: models and engines
// are not this room's. What it is handed is the person's own.
type Embedder interface {
	// Model is the one that passages are embedded with from now on. An error says
	// in words for a person why there is none.
	Model(context.Context) (Model, error)
	// Embed gives a vector for each text, by that model or one that was there before.
	// Passages may take as long as they like, and come after everybody's questions; a
	// person waits for a query. ErrText where the model can make nothing of one of the
	// texts, whenever it is asked.
	Embed(ctx context.Context, m Model, texts []string, query bool) ([][]float32, error)
}

// Model is what makes vectors, and how. Vectors of two that differ in anything
// are never compared.
type Model struct {
	Digest  [32]byte // of the file
	Pooling int      // how it makes one vector of those of a text's tokens; its own numbering
	Query   string   // what it wants before what is looked for
	Passage string   // and before what may be found
	Dims    int
}

// Errors of finding by meaning.
var (
	// ErrText is that of [Embedder.Embed] for a text of which no vector can be made.
	ErrText = errors.New("the embedding model can make nothing of a text")
	// ErrNoEmbedder says that nothing here makes vectors.
	ErrNoEmbedder = errors.New("no model is there that finds by meaning")
	// ErrNotEmbedded says that nothing that was asked about has a vector yet.
	ErrNotEmbedded = errors.New("nothing is found by meaning yet: passages are still being embedded")
)

// space is where the model's vectors can be compared.
func (m Model) space() vector.Space {
	h := sha256.New()
	h.Write([]byte("abaton passages 1\x00"))
	h.Write(m.Digest[:])
	var b [8]byte
	number := func(n int) {
		binary.BigEndian.PutUint64(b[:], uint64(n))
		h.Write(b[:])
	}
	number(m.Pooling)
	number(m.Dims)
	for _, prefix := range []string{m.Query, m.Passage} {
		number(len(prefix))
		h.Write([]byte(prefix))
	}
	return vector.Space{Maker: [32]byte(h.Sum(nil)), Dims: m.Dims}
}

// embed gives the vectors of texts and marks those of which none can be made by
// leaving them nil: one such text does not keep the others from having theirs.
func (l *Libraries) embed(ctx context.Context, m Model, texts []string) ([][]float32, error) {
	got, err := l.config.Embed.Embed(ctx, m, texts, false)
	switch {
	case err == nil && len(got) != len(texts):
		return nil, fmt.Errorf("%d vectors came for %d passages", len(got), len(texts))
	case !errors.Is(err, ErrText):
		return got, err
	case len(texts) == 1:
		return make([][]float32, 1), nil
	}
	half := len(texts) / 2
	first, err := l.embed(ctx, m, texts[:half])
	if err != nil {
		return nil, err
	}
	rest, err := l.embed(ctx, m, texts[half:])
	return append(first, rest...), err
}
