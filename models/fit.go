package models

import (
	"math/bits"
	"strings"
)

// Setup is how an engine is to run a model.
type Setup struct {
	Context int // tokens of one conversation
	Batch   int // tokens computed in one go
}

// Need is what one engine process needs in memory for a model, in bytes.
type Need struct {
	Weights int64 // mapped from the file: all processes of a model share them
	Cache   int64 // keys and values of a conversation of full length
	Rest    int64 // program, vocabulary, buffers, and weights that the engine copies
}

// Private is what every process needs for itself.
func (n Need) Private() int64 { return plus(n.Cache, n.Rest) }

// What an engine was seen to need beside keys and values, in bytes: SmolLM2-135M
// in llama.cpp b11434 has 22 MB before a question and 36 MB after one, of which
// this estimate makes 46.
const (
	fitProgram = 24 << 20
	fitToken   = 256 // of the vocabulary
	fitWidth   = 8   // floats held for each embedding element and token of a batch
	fitUnknown = 4096
)

// Fit estimates what a model of such a shape, in a file of size bytes, needs. It
// is pure; absurd numbers give the largest number instead of wrapping.
func Fit(s Shape, size int64, quantisation string, at Setup) Need {
	embedding := s.Embedding
	if embedding == 0 {
		embedding = fitUnknown
	}
	element := s.CacheElements
	if element == 0 {
		element = times(max(s.Layers, 1), times(2, embedding))
	}
	n := Need{Weights: max(size, 0)}
	n.Cache = whole(times(times(element, 2), uint64(max(at.Context, 0)))) // 16 bits each
	rest := times(uint64(max(at.Batch, 0)), times(4, times(embedding, fitWidth)))
	n.Rest = plus(fitProgram, plus(whole(rest), whole(times(s.Vocab, fitToken))))
	if Copied(quantisation) {
		n.Rest = plus(n.Rest, n.Weights)
	}
	return n
}

// Copied tells whether the engine copies weights of this type into another order
// for the processor, so that no two processes share them (ggml's repack.cpp on
// AVX2; files of mixed types are copied in part, which counts as whole).
func Copied(quantisation string) bool {
	for _, kind := range []string{"Q4_0", "Q4_K", "IQ4_NL", "Q2_K", "MXFP4"} {
		if strings.HasPrefix(strings.ToUpper(quantisation), kind) {
			return true
		}
	}
	return false
}

// FitContext is the longest conversation that is worth its memory: the model's
// own length, but at most 16384 tokens, and no more keys and values than a
// sixteenth of memory; at least 2048 tokens.
func FitContext(s Shape, memory int64) int {
	const least, most = 2048, 16384
	tokens := most
	for tokens > least && Fit(s, 0, "", Setup{Context: tokens}).Cache > memory/16 {
		tokens /= 2
	}
	if s.ContextLength > 0 && s.ContextLength < uint64(tokens) {
		return int(s.ContextLength)
	}
	return tokens
}

const largest = 1 << 62

func plus(a, b int64) int64 { return min(a, largest-min(b, largest)) + min(b, largest) }

func times(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi != 0 {
		return ^uint64(0)
	}
	return lo
}

func whole(n uint64) int64 { return int64(min(n, largest)) }
