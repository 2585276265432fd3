package engine

import (
	"context"

	"abaton.local/models"
)

// Meaning is a request to a model that gives numbers for texts: an embedding
// model, or one that ranks.
type Meaning struct {
	Person Person
	Model  models.Digest
	Texts  []string // at most 2048, none empty, together at most 8 MiB
	Query  string   // of Rank alone
}

// Vectors are embeddings, one for each text and of one length each, normalised.
type Vectors struct {
	Of     [][]float32
	Tokens int // that all texts had
}

// Ranks are how well each text answers the query, in the order of the texts;
// higher is better, and the scale is the model's own.
type Ranks struct {
	Of     []float64
	Tokens int
}

// Embed gives the embeddings of texts, by a worker that does nothing else. A
// text with more tokens than the model looks at is a *Fault of kind TooLong that
// names it by its number.
func (e *Engine) Embed(ctx context.Context, m Meaning) (Vectors, error) {
	return Vectors{}, outOfRange("model", "embeddings cannot be made yet")
}

// Rank tells how well texts answer a query, by a worker that does nothing else.
func (e *Engine) Rank(ctx context.Context, m Meaning) (Ranks, error) {
	return Ranks{}, outOfRange("model", "texts cannot be ranked yet")
}
