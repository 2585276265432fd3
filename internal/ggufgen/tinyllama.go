package ggufgen

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// The shape of TinyLlama: about 1 MB, small enough to start in a moment.
const (
	tinyContext = 2048
	tinyWidth   = 128
	tinyBlocks  = 2
	tinyHeads   = 4
	tinyHeadsKV = 2
	tinyInner   = 256
)

// Token types of the engine's llama.h.
const (
	typeNormal  = 1
	typeUnknown = 2
	typeControl = 3
	typeByte    = 6
)

// TinyTemplate is TinyLlama's chat template.
const TinyTemplate = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}" +
	"{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"

// TinyLlama makes a complete model of architecture llama with random weights
// and a SentencePiece vocabulary of bytes and short pieces. It answers with
// letters and blanks, not with sense, and hardly ever ends by itself. The same
// seed gives the same bytes.
func TinyLlama(seed uint64) *File {
	tokens, scores, types := tinyVocabulary()
	f := &File{}
	for _, p := range []Pair{
		{"general.architecture", "llama"},
		{"general.type", "model"},
		{"general.name", "tiny random llama"},
		{"general.license", "apache-2.0"},
		{"general.file_type", uint32(1)},
		{"llama.context_length", uint32(tinyContext)},
		{"llama.embedding_length", uint32(tinyWidth)},
		{"llama.block_count", uint32(tinyBlocks)},
		{"llama.feed_forward_length", uint32(tinyInner)},
		{"llama.attention.head_count", uint32(tinyHeads)},
		{"llama.attention.head_count_kv", uint32(tinyHeadsKV)},
		{"llama.attention.layer_norm_rms_epsilon", float32(1e-5)},
		{"llama.rope.dimension_count", uint32(tinyWidth / tinyHeads)},
		{"llama.vocab_size", uint32(len(tokens))},
		{"tokenizer.ggml.model", "llama"},
		{"tokenizer.ggml.tokens", tokens},
		{"tokenizer.ggml.scores", scores},
		{"tokenizer.ggml.token_type", types},
		{"tokenizer.ggml.bos_token_id", uint32(1)},
		{"tokenizer.ggml.eos_token_id", uint32(4)},
		{"tokenizer.ggml.unknown_token_id", uint32(0)},
		{"tokenizer.ggml.add_bos_token", true},
		{"tokenizer.chat_template", TinyTemplate},
	} {
		f.Set(p.Key, p.Value)
	}
	f.Tensors = tinyTensors(rand.New(rand.NewPCG(seed, 1)), types)
	return f
}

// tinyVocabulary has five special tokens, a token for every byte, and pieces.
func tinyVocabulary() (tokens []string, scores []float32, types []int32) {
	add := func(token string, score float32, typ int32) {
		tokens, scores, types = append(tokens, token), append(scores, score), append(types, typ)
	}
	add("<unk>", 0, typeUnknown)
	for _, s := range []string{"<s>", "</s>", "<|im_start|>", "<|im_end|>"} {
		add(s, 0, typeControl)
	}
	for b := range 256 {
		add(fmt.Sprintf("<0x%02X>", b), 0, typeByte)
	}
	add("▁", -1, typeNormal)
	for c := '!'; c <= '~'; c++ {
		add(string(c), -float32(len(tokens)), typeNormal)
	}
	for _, a := range "bcdfghlmnprstvw" {
		for _, b := range "aeiou" {
			add(string(a)+string(b), -float32(len(tokens)), typeNormal)
		}
	}
	return tokens, scores, types
}

func tinyTensors(random *rand.Rand, types []int32) []Tensor {
	vocab := len(types)
	weights := func(name string, rows, columns int) Tensor {
		values := make([]float32, rows*columns)
		for i := range values {
			values[i] = float32(random.NormFloat64() / math.Sqrt(float64(columns)))
		}
		return Tensor{Name: name, Shape: []uint64{uint64(columns), uint64(rows)}, Type: 1, Data: halves(values)}
	}
	ones := func(name string) Tensor {
		values := make([]float32, tinyWidth)
		for i := range values {
			values[i] = 1
		}
		return Tensor{Name: name, Shape: []uint64{tinyWidth}, Type: 0, Data: singles(values)}
	}
	embedding, output := weights("token_embd.weight", vocab, tinyWidth), weights("output.weight", vocab, tinyWidth)
	// One channel carries a constant through all layers, so that the output can
	// prefer printable pieces: raw bytes would make answers that are not UTF-8.
	for t, typ := range types {
		setHalf(embedding.Data, t*tinyWidth, 8)
		if typ == typeNormal {
			setHalf(output.Data, t*tinyWidth, 1)
		} else {
			setHalf(output.Data, t*tinyWidth, -1)
		}
	}
	list := []Tensor{embedding, ones("output_norm.weight"), output}
	for i := range tinyBlocks {
		block := fmt.Sprintf("blk.%d.", i)
		kv := tinyWidth / tinyHeads * tinyHeadsKV
		list = append(list,
			ones(block+"attn_norm.weight"), ones(block+"ffn_norm.weight"),
			weights(block+"attn_q.weight", tinyWidth, tinyWidth),
			weights(block+"attn_k.weight", kv, tinyWidth),
			weights(block+"attn_v.weight", kv, tinyWidth),
			weights(block+"attn_output.weight", tinyWidth, tinyWidth),
			weights(block+"ffn_gate.weight", tinyInner, tinyWidth),
			weights(block+"ffn_up.weight", tinyInner, tinyWidth),
			weights(block+"ffn_down.weight", tinyWidth, tinyInner))
	}
	return list
}
