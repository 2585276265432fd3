package engine

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"abaton.local/models"
)

// Meaning is a request to a model that gives numbers for texts: an embedding
// model, or one that ranks.
type Meaning struct {
	Person Person
	Model  models.Digest
	Texts  []string // at most 2048, none empty, together at most 8 MiB
	Query  string   // of Rank alone
	Cut    bool     // for Embed: what is more than the model looks at is left out, not refused
	Behind bool     // for Embed: nobody waits for it, so it comes behind everybody's questions and takes nothing from them
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

// Caps of one request for meanings.
const (
	maxMeanings   = 2048 // texts
	mostMeaning   = 2048 // tokens of a text, and of a query with it
	meaningsAtOne = 64   // texts that the engine is handed together
)

// Embed gives the embeddings of texts, by a worker that does nothing else. A
// text with more tokens than the model looks at is a *Fault of kind TooLong that
// names it by its number, unless it may be cut. Texts go to the engine as numbers of tokens: what spells
// a control token stays a text, and is not broken.
func (e *Engine) Embed(ctx context.Context, m Meaning) (v Vectors, err error) {
	if m.Query != "" {
		return v, outOfRange("query", "only ranking has one")
	}
	k := embeds
	if m.Behind {
		k = behind
	}
	err = e.mean(ctx, m, k, func(ctx context.Context, w *worker, pulse *pulse) (err error) {
		v, err = w.embed(ctx, m, pulse)
		return err
	})
	return v, err
}

// Rank tells how well texts answer a query, by a worker that does nothing else.
func (e *Engine) Rank(ctx context.Context, m Meaning) (r Ranks, err error) {
	if m.Query == "" || !text(m.Query) {
		return r, outOfRange("query", "it must be UTF-8 without NUL, and not empty")
	}
	err = e.mean(ctx, m, ranks, func(ctx context.Context, w *worker, pulse *pulse) (err error) {
		r, err = w.rank(ctx, m.Query, m.Texts, pulse)
		return err
	})
	return r, err
}

// mean has a worker of such a kind do something for m.
func (e *Engine) mean(ctx context.Context, m Meaning, k kind, do func(context.Context, *worker, *pulse) error) error {
	if err := m.check(); err != nil {
		return err
	}
	var kept *time.Duration
	if k == behind {
		kept = new(behindKept)
	}
	return e.persist(ctx, key{model: m.Model, person: m.Person, kind: k}, kept, 0, e.fingerprintOf(m, k), nil, func(ctx context.Context, w *worker) (bool, error) {
		return false, e.work(ctx, w, nil, func(ctx context.Context, pulse *pulse) error { return do(ctx, w, pulse) })
	})
}

func (m Meaning) check() error {
	if m.Person == "" || len(m.Person) > maxPerson || !text(string(m.Person)) {
		return outOfRange("person", "it must be 1 to 256 bytes of text")
	}
	if m.Model.IsZero() {
		return outOfRange("model", "it is missing")
	}
	if len(m.Texts) == 0 || len(m.Texts) > maxMeanings {
		return outOfRange("input", "there must be 1 to 2048 texts")
	}
	total := len(m.Query)
	for i, t := range m.Texts {
		if t == "" || !text(t) {
			return outOfRange(fmt.Sprintf("input[%d]", i), "it must be UTF-8 without NUL, and not empty")
		}
		if total += len(t); total > maxText {
			return outOfRange("input", "together they may hold at most 8 MiB of text")
		}
	}
	return nil
}

// fingerprintOf is fingerprint for meanings.
func (e *Engine) fingerprintOf(m Meaning, k kind) [32]byte {
	h := hmac.New(sha256.New, e.hashKey[:])
	h.Write(m.Model[:])
	for _, t := range slices.Concat([]string{string(k), string(m.Person), m.Query}, m.Texts) {
		h.Write([]byte(t + "\x00"))
	}
	return [32]byte(h.Sum(nil))
}

// fits refuses a model that is made for something else.
func (k kind) fits(p models.Pooling) *Fault {
	switch {
	case k == speaks && p != models.NoPooling:
		return outOfRange("model", "it makes numbers of texts, and cannot answer")
	case k == ranks && p != models.RankPooling:
		return outOfRange("model", "it is not made for ranking texts")
	case (k == embeds || k == behind) && (p == models.NoPooling || p == models.RankPooling):
		return outOfRange("model", "it makes no embeddings")
	}
	return nil
}
