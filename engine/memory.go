package engine

import (
	"math/bits"

	"abaton.local/models"
)

// What an engine needs beside its key-value memory, in bytes.
const (
	memoryBase    = 256 << 20 // program, vocabulary, tokens, grammar
	memoryStack   = 8 << 20   // of each thread, by the default stack limit
	memoryWidth   = 64        // floats held at once for each embedding element and token of a batch
	memoryLeast   = 384 << 20
	memoryUnknown = 4096 // embedding size taken for a header that does not say
)

// memoryLimit bounds the private memory of an engine (RLIMIT_DATA: what is
// mapped from the model file does not count): key-value memory in 16 bits,
// twice for its checkpoints, the buffers of one batch, the weights once more
// (some types are copied into another order for the processor), and a quarter
// on top. A file with absurd numbers gets a limit that overflows to the
// largest, and then fails by itself.
func memoryLimit(s models.Shape, file int64, f flags) int64 {
	embedding := s.Embedding
	if embedding == 0 {
		embedding = memoryUnknown
	}
	token := s.CacheElements
	if token == 0 {
		token = mul(max(s.Layers, 1), mul(2, embedding))
	}
	context := uint64(f.Context)
	kv := mul(mul(token, 2), context)
	compute := mul(uint64(f.Batch)*4, add(s.Vocab, add(mul(embedding, memoryWidth), mul(context, 4))))
	threads := uint64(2*f.Threads + f.HTTPThreads + 8)
	sum := add(memoryBase, add(mul(threads, memoryStack), add(mul(kv, 2), add(compute, uint64(max(file, 0))))))
	sum = add(sum, sum/4)
	return int64(min(max(sum, memoryLeast), 1<<62))
}

// add and mul stay at the largest number instead of wrapping.
func add(a, b uint64) uint64 {
	s, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return ^uint64(0)
	}
	return s
}

func mul(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi != 0 {
		return ^uint64(0)
	}
	return lo
}
