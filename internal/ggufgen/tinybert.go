package ggufgen

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// The shape of TinyBert.
const (
	bertContext = 128
	bertWidth   = 64
	bertBlocks  = 2
	bertHeads   = 2
	bertInner   = 128
)

// TinyBert makes a complete model of architecture bert with random weights and
// a WordPiece vocabulary of letters. It gives a vector for a text; with rank, it
// gives a number for a query and a text instead. Neither means anything. The same
// seed gives the same bytes.
func TinyBert(seed uint64, rank bool) *File {
	tokens, types := bertVocabulary()
	pooling := uint32(1) // the mean
	if rank {
		pooling = 4
	}
	f := &File{}
	for _, p := range []Pair{
		{"general.architecture", "bert"},
		{"general.type", "model"},
		{"general.name", "tiny random bert"},
		{"general.license", "apache-2.0"},
		{"general.file_type", uint32(0)},
		{"bert.block_count", uint32(bertBlocks)},
		{"bert.context_length", uint32(bertContext)},
		{"bert.embedding_length", uint32(bertWidth)},
		{"bert.feed_forward_length", uint32(bertInner)},
		{"bert.attention.head_count", uint32(bertHeads)},
		{"bert.attention.layer_norm_epsilon", float32(1e-12)},
		{"bert.attention.causal", false},
		{"bert.pooling_type", pooling},
		{"tokenizer.ggml.model", "bert"},
		{"tokenizer.ggml.pre", "default"},
		{"tokenizer.ggml.token_type_count", uint32(2)},
		{"tokenizer.ggml.tokens", tokens},
		{"tokenizer.ggml.token_type", types},
		{"tokenizer.ggml.bos_token_id", uint32(2)},
		{"tokenizer.ggml.unknown_token_id", uint32(1)},
		{"tokenizer.ggml.seperator_token_id", uint32(3)}, // so spelled in the engine
		{"tokenizer.ggml.padding_token_id", uint32(0)},
		{"tokenizer.ggml.mask_token_id", uint32(4)},
	} {
		f.Set(p.Key, p.Value)
	}
	f.Tensors = bertTensors(rand.New(rand.NewPCG(seed, 2)), len(tokens), rank)
	return f
}

// bertVocabulary has five special tokens, and letters that begin a word or go on
// with one.
func bertVocabulary() (tokens []string, types []int32) {
	for _, s := range []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"} {
		tokens, types = append(tokens, s), append(types, typeControl)
	}
	for c := '!'; c <= '~'; c++ {
		if c >= 'A' && c <= 'Z' { // it reads all as small letters
			continue
		}
		tokens, types = append(tokens, "▁"+string(c), string(c)), append(types, typeNormal, typeNormal)
	}
	return tokens, types
}

func bertTensors(random *rand.Rand, vocab int, rank bool) []Tensor {
	var list []Tensor
	random32 := func(n int, spread float64) []byte {
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(random.NormFloat64() * spread)
		}
		return singles(values)
	}
	matrix := func(name string, rows, columns int) {
		list = append(list, Tensor{Name: name, Shape: []uint64{uint64(columns), uint64(rows)}, Data: random32(rows*columns, 1/math.Sqrt(float64(columns)))})
	}
	layer := func(name string, rows, columns int) {
		matrix(name+".weight", rows, columns)
		list = append(list, Tensor{Name: name + ".bias", Shape: []uint64{uint64(rows)}, Data: random32(rows, 0.1)})
	}
	norm := func(name string) {
		ones := make([]float32, bertWidth)
		for i := range ones {
			ones[i] = 1
		}
		list = append(list, Tensor{Name: name + ".weight", Shape: []uint64{bertWidth}, Data: singles(ones)},
			Tensor{Name: name + ".bias", Shape: []uint64{bertWidth}, Data: random32(bertWidth, 0.1)})
	}
	matrix("token_embd.weight", vocab, bertWidth)
	matrix("position_embd.weight", bertContext, bertWidth)
	matrix("token_types.weight", 2, bertWidth)
	norm("token_embd_norm")
	for i := range bertBlocks {
		block := fmt.Sprintf("blk.%d.", i)
		for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_output"} {
			layer(block+name, bertWidth, bertWidth)
		}
		norm(block + "attn_output_norm")
		layer(block+"ffn_up", bertInner, bertWidth)
		layer(block+"ffn_down", bertWidth, bertInner)
		norm(block + "layer_output_norm")
	}
	if rank {
		layer("cls", bertWidth, bertWidth)
		layer("cls.output", 1, bertWidth)
	}
	return list
}
