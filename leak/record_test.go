package leak

import (
	"slices"
	"testing"
	"time"

	"abaton.local/engine"
	"abaton.local/leak/corpus"
)

// TestTokensOfAPiece: what came at one moment is divided where its tokens are, as
// far as they are told, and its text is never changed.
func TestTokensOfAPiece(t *testing.T) {
	probs := func(tokens ...string) (out []engine.LogProb) {
		for _, s := range tokens {
			out = append(out, engine.LogProb{Token: s, Bytes: []byte(s)})
		}
		return out
	}
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		d    engine.Delta
		last time.Duration
		want []corpus.Piece
	}{
		"one":               {engine.Delta{Text: " the", LogProbs: probs(" the")}, 40 * ms, []corpus.Piece{{Text: " the", At: 60 * ms}}},
		"two":               {engine.Delta{Text: " the cat", LogProbs: probs(" the", " cat")}, 40 * ms, []corpus.Piece{{Text: " the", At: 50 * ms}, {Text: " cat", At: 60 * ms}}},
		"first":             {engine.Delta{Text: "Yes.", LogProbs: probs("Yes", ".")}, 0, []corpus.Piece{{Text: "Yes", At: 60 * ms}, {Text: ".", At: 60 * ms}}},
		"none told":         {engine.Delta{Text: " the cat"}, 40 * ms, []corpus.Piece{{Text: " the cat", At: 60 * ms}}},
		"too few":           {engine.Delta{Text: "a bc", LogProbs: probs("a")}, 40 * ms, []corpus.Piece{{Text: "a", At: 50 * ms}, {Text: " bc", At: 60 * ms}}},
		"too many":          {engine.Delta{Text: "a", LogProbs: probs("a", " b")}, 40 * ms, []corpus.Piece{{Text: "a", At: 60 * ms}}},
		"others":            {engine.Delta{Text: "abc", LogProbs: probs("x", "y")}, 40 * ms, []corpus.Piece{{Text: "abc", At: 60 * ms}}},
		"half a rune":       {engine.Delta{Text: "ä", LogProbs: probs("\xc3", "\xa4")}, 40 * ms, []corpus.Piece{{Text: "ä", At: 60 * ms}}},
		"rune, then a word": {engine.Delta{Text: "ä cat", LogProbs: probs("\xa4", " cat")}, 40 * ms, []corpus.Piece{{Text: "ä", At: 50 * ms}, {Text: " cat", At: 60 * ms}}},
		"empty token":       {engine.Delta{Text: "ab", LogProbs: probs("", "ab")}, 40 * ms, []corpus.Piece{{Text: "ab", At: 60 * ms}}},
		"last byte":         {engine.Delta{Text: "ä", LogProbs: probs("\xa4")}, 40 * ms, []corpus.Piece{{Text: "ä", At: 60 * ms}}},
	} {
		if got := tokens(c.d, c.last, 60*ms); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
