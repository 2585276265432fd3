package models

import (
	"math/bits"
	"slices"
	"strings"
)

// Setup is how an engine is to run a model.
type Setup struct {
	Context   int   // tokens of one conversation
	Batch     int   // tokens computed in one go
	Copied    bool  // the weights, into an order of the engine's own
	Projector int64 // bytes of the file by which it sees; 0 for a model that does not
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
	fitSight   = 64 << 20 // buffers of a projector at work; a guess
)

// Fit estimates what a model of such a shape, in a file of size bytes, needs. It
// is pure; absurd numbers give the largest number instead of wrapping.
func Fit(s Shape, size int64, at Setup) Need {
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
	if at.Projector > 0 { // every process reads it into memory of its own
		n.Rest = plus(n.Rest, plus(at.Projector, fitSight))
	}
	if at.Copied {
		n.Rest = plus(n.Rest, n.Weights)
	}
	return n
}

// Copying is what an engine does with weights of a type when nobody tells it.
type Copying int

// The kinds of copying, into another order for the processor (ggml's repack.cpp
// of b11434). A copy is as large as the file, and no two processes share it.
const (
	NoCopy      Copying = iota // they are read where the file is mapped
	UselessCopy                // read from the file they are as fast or faster
	FastCopy                   // the copy is faster
)

// CopyingOf tells it for a processor of GOARCH's name, as docs/decisions/0013 has
// measured. Files of mixed types are copied in part, which counts as whole.
func CopyingOf(quantisation, arch string) Copying {
	is := func(kinds ...string) bool {
		return slices.ContainsFunc(kinds, func(kind string) bool { return strings.HasPrefix(strings.ToUpper(quantisation), kind) })
	}
	switch {
	case is("Q4_0", "IQ4_NL", "MXFP4"):
		return FastCopy
	case is("Q4_K", "Q2_K") && arch == "amd64": // seen with AVX-512
		return UselessCopy
	case is("Q4_K", "Q2_K"), is("Q5_K", "Q6_K", "Q8_0") && arch == "arm64":
		return FastCopy
	}
	return NoCopy
}

// FitContext is the longest conversation that is worth its memory: the model's
// own length, but at most 16384 tokens, and no more keys and values than a
// sixteenth of memory; at least 2048 tokens.
func FitContext(s Shape, memory int64) int {
	const least, most = 2048, 16384
	tokens := most
	for tokens > least && Fit(s, 0, Setup{Context: tokens}).Cache > memory/16 {
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
