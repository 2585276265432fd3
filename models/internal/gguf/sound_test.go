package gguf

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"abaton.local/internal/ggufgen"
)

// sound is a small model in which everything that Check looks at is there.
func sound() *ggufgen.File {
	f := &ggufgen.File{}
	for _, p := range []ggufgen.Pair{
		{Key: "general.architecture", Value: "llama"},
		{Key: "general.type", Value: "model"},
		{Key: "general.name", Value: "sound"},
		{Key: "general.license", Value: "mit"},
		{Key: "general.file_type", Value: uint32(7)},
		{Key: "general.alignment", Value: uint32(32)},
		{Key: "general.tags", Value: []string{"test", "small"}},
		{Key: "llama.context_length", Value: uint32(512)},
		{Key: "llama.embedding_length", Value: uint32(64)},
		{Key: "llama.block_count", Value: uint32(2)},
		{Key: "llama.feed_forward_length", Value: []int32{128, 96}},
		{Key: "llama.attention.head_count", Value: uint32(4)},
		{Key: "llama.attention.head_count_kv", Value: []uint32{2, 1}},
		{Key: "llama.attention.key_length", Value: uint32(16)},
		{Key: "llama.attention.value_length", Value: uint32(16)},
		{Key: "llama.attention.sliding_window", Value: uint32(128)},
		{Key: "llama.attention.sliding_window_pattern", Value: []bool{true, false}},
		{Key: "llama.attention.layer_norm_rms_epsilon", Value: float32(1e-5)},
		{Key: "llama.rope.dimension_count", Value: uint32(16)},
		{Key: "llama.rope.dimension_sections", Value: []int32{4, 2, 2, 0}},
		{Key: "llama.expert_count", Value: uint32(8)},
		{Key: "llama.expert_used_count", Value: uint32(2)},
		{Key: "llama.vocab_size", Value: uint32(6)},
		{Key: "tokenizer.ggml.model", Value: "llama"},
		{Key: "tokenizer.ggml.tokens", Value: []string{"<unk>", "<s>", "</s>", "<0x0A>", "a", "b c"}},
		{Key: "tokenizer.ggml.scores", Value: []float32{0, 0, 0, 0, -1, -2}},
		{Key: "tokenizer.ggml.token_type", Value: []int32{2, 3, 3, 6, 1, 1}},
		{Key: "tokenizer.ggml.merges", Value: []string{"a b", "b c"}},
		{Key: "tokenizer.ggml.precompiled_charsmap", Value: []uint8{4, 0, 0, 0, 1, 2, 3, 4, 'x', 0}},
		{Key: "tokenizer.ggml.suppress_tokens", Value: []int32{1}},
		{Key: "tokenizer.ggml.bos_token_id", Value: uint32(1)},
		{Key: "tokenizer.ggml.eos_token_id", Value: uint32(2)},
		{Key: "tokenizer.ggml.padding_token_id", Value: uint32(math.MaxUint32)},
		{Key: "tokenizer.ggml.add_bos_token", Value: true},
		{Key: "tokenizer.chat_template", Value: "{{ messages }}"},
	} {
		f.Set(p.Key, p.Value)
	}
	f.Tensors = []ggufgen.Tensor{
		{Name: "token_embd.weight", Shape: []uint64{64, 6}, Type: 8, Data: make([]byte, 6*2*34)},
		{Name: "output_norm.weight", Shape: []uint64{64}, Type: 0, Data: make([]byte, 256)},
		{Name: "blk.0.odd.weight", Shape: []uint64{3, 1, 1, 1}, Type: 30, Data: make([]byte, 6)},
		{Name: "output.weight", Shape: []uint64{64, 6}, Type: 1, Data: make([]byte, 768)},
	}
	return f
}

// examine runs Check over bytes.
func examine(b []byte) (Header, error) { return Check(bytes.NewReader(b), int64(len(b))) }

func TestSoundHeader(t *testing.T) {
	f := sound()
	h, err := examine(f.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	header := f.Header()
	want := Header{
		Version: 3, Kind: "model", Architecture: "llama", Name: "sound", License: "mit", FileType: 7, Quantisation: "Q8_0",
		Parameters: 384 + 64 + 3 + 384, ContextLength: 512, Blocks: 2, Embedding: 64, Heads: 4, HeadsKV: 2,
		KeyLength: 16, ValueLength: 16, CacheElements: (2 + 1) * 32, SlidingWindow: 128, Windowed: true, Vocab: 6,
		ChatTemplate: []byte("{{ messages }}"), TensorCount: 4,
		HeaderBytes: int64(len(header)), DataOffset: int64(len(header)+31) &^ 31,
	}
	if got, wanted := fmt.Sprintf("%+v", h), fmt.Sprintf("%+v", want); got != wanted {
		t.Errorf("got\n%s\nwant\n%s", got, wanted)
	}
}

// TestAccepted holds what must not be refused: forms that real files have.
func TestAccepted(t *testing.T) {
	for name, change := range map[string]func(f *ggufgen.File){
		"version 2":                   func(f *ggufgen.File) { f.Version = 2 },
		"alignment 8":                 func(f *ggufgen.File) { f.Alignment = 8; f.Set("general.alignment", uint32(8)) },
		"alignment 4096":              func(f *ggufgen.File) { f.Alignment = 4096; f.Set("general.alignment", uint32(4096)) },
		"no alignment":                func(f *ggufgen.File) { f.Remove("general.alignment") },
		"last tensor without padding": func(f *ggufgen.File) { f.NoPadding = true; f.Tensors = f.Tensors[:3] },
		"vocabulary alone":            func(f *ggufgen.File) { f.Tensors = nil },
		"vocabulary alone, padded":    func(f *ggufgen.File) { f.Tensors = nil; f.Trailing = make([]byte, 32-len(f.Header())%32) },
		"type not said":               func(f *ggufgen.File) { f.Remove("general.type") },
		"file type not said":          func(f *ggufgen.File) { f.Remove("general.file_type") },
		"file type of the future":     func(f *ggufgen.File) { f.Set("general.file_type", uint32(99)) },
		"architecture with dots":      func(f *ggufgen.File) { rename(f, "llama-4_x.y") },
		"heads divide no width":       func(f *ggufgen.File) { f.Set("llama.attention.head_count", uint32(6)) },
		"layer without attention":     func(f *ggufgen.File) { f.Set("llama.attention.head_count_kv", []uint32{2, 0}) },
		"no attention at all":         func(f *ggufgen.File) { f.Set("llama.attention.head_count", uint32(0)) },
		"no heads said":               func(f *ggufgen.File) { f.Remove("llama.attention.head_count") },
		"one window pattern":          func(f *ggufgen.File) { f.Set("llama.attention.sliding_window_pattern", uint32(6)) },
		"512 blocks":                  func(f *ggufgen.File) { blocks(f, 512) },
		"integer scores":              func(f *ggufgen.File) { f.Set("tokenizer.ggml.scores", make([]int32, 6)) },
		"no scores, no types":         func(f *ggufgen.File) { f.Remove("tokenizer.ggml.scores"); f.Remove("tokenizer.ggml.token_type") },
		"tokens with NUL":             func(f *ggufgen.File) { token(f, 4, "x\x00y") },
		"tokens that are not UTF-8":   func(f *ggufgen.File) { token(f, 4, "\xff\xfe") },
		"adapter tokens":              set("llama.adapters.token_ids_substitute", []int32{5, -1}),
		"sampling by the file": func(f *ggufgen.File) {
			f.Set("general.sampling.top_k", int32(40))
			f.Set("general.sampling.temp", float32(.7))
			f.Set("general.sampling.penalty_last_n", int32(-1))
			f.Set("general.sampling.sequence", "top_k;temperature")
		},
		"one expert that is none":      func(f *ggufgen.File) { rename(f, "hunyuan-dense"); f.Remove("hunyuan-dense.expert_count") },
		"rope scaling":                 set("llama.rope.scaling.type", "yarn"),
		"empty tokens":                 func(f *ggufgen.File) { token(f, 4, ""); token(f, 5, "") },
		"normal token like a bad byte": func(f *ggufgen.File) { token(f, 4, "<0x-1>") },
		"merge of blanks":              func(f *ggufgen.File) { f.Set("tokenizer.ggml.merges", []string{"   "}) },
		"lower-case byte token":        func(f *ggufgen.File) { token(f, 3, "<0x0a>") },
		"no vocabulary": func(f *ggufgen.File) {
			for _, p := range f.Pairs {
				if strings.HasPrefix(p.Key, "tokenizer.") {
					defer f.Remove(p.Key)
				}
			}
			f.Set("tokenizer.ggml.model", "none")
			f.Set("llama.vocab_size", uint32(1000))
		},
		"named chat templates": func(f *ggufgen.File) {
			f.Set("tokenizer.chat_template.tool_use", strings.Repeat("x", maxTemplate))
			f.Set("tokenizer.chat_templates", []string{"tool_use"})
		},
		"whole tokenizer carried along": func(f *ggufgen.File) {
			f.Set("tokenizer.huggingface.json", strings.Repeat("{", 1<<20))
		},
		"adapter": func(f *ggufgen.File) {
			f.Pairs = []ggufgen.Pair{{Key: "general.architecture", Value: "llama"}, {Key: "general.type", Value: "adapter"},
				{Key: "adapter.type", Value: "lora"}, {Key: "adapter.lora.alpha", Value: float32(16)}}
		},
		"projector": func(f *ggufgen.File) {
			f.Pairs = []ggufgen.Pair{{Key: "general.architecture", Value: "clip"}, {Key: "general.type", Value: "mmproj"},
				{Key: "clip.vision.block_count", Value: uint32(27)}, {Key: "clip.vision.image_mean", Value: []float32{.5, .5, .5}}}
		},
		"first part": func(f *ggufgen.File) { split(f, 0, 3, 9) },
		"first part without tensors": func(f *ggufgen.File) {
			split(f, 0, 3, 9)
			f.Tensors = nil
		},
		"later part": func(f *ggufgen.File) { f.Pairs = nil; split(f, 2, 3, 9) },
		"only part":  func(f *ggufgen.File) { split(f, 0, 1, 4) },
		"merged parts": func(f *ggufgen.File) {
			split(f, 0, 0, 4) // as the engine's own merging tool leaves them
		},
		"says that it is whole": func(f *ggufgen.File) { f.Set("split.count", uint16(0)) },
	} {
		t.Run(name, func(t *testing.T) {
			f := sound()
			change(f)
			b := f.Bytes()
			if _, err := examine(b); err != nil {
				t.Error(err)
			}
			if _, err := reference(b); err != nil {
				t.Errorf("the reference reader: %v", err)
			}
		})
	}
}

// TestEveryType has each type of tensor that the engine reads, with the sizes
// counted by hand from the structures in its ggml-common.h.
func TestEveryType(t *testing.T) {
	const half, word = 2, 4 // ggml_half, uint32_t
	bytesOf := map[string]int{
		"F32": 4 * 256, "F16": 2 * 256, "BF16": 2 * 256, "F64": 8 * 256, "I8": 256, "I16": 2 * 256, "I32": 4 * 256, "I64": 8 * 256,
		"Q4_0": 8 * (half + 16), "Q4_1": 8 * (2*half + 16), "Q5_0": 8 * (half + word + 16), "Q5_1": 8 * (2*half + word + 16), "Q8_0": 8 * (half + 32),
		"Q2_K": 16 + 64 + 2*half, "Q3_K": 32 + 64 + 12 + half, "Q4_K": 2*half + 12 + 128, "Q5_K": 2*half + 12 + 32 + 128, "Q6_K": 128 + 64 + 16 + half,
		"IQ2_XXS": half + 32*2, "IQ2_XS": half + 32*2 + 8, "IQ2_S": half + 64 + 8 + 8, "IQ3_XXS": half + 3*32, "IQ3_S": half + 64 + 8 + 32 + 4,
		"IQ1_S": half + 32 + 16, "IQ1_M": 32 + 16 + 8, "IQ4_NL": 8 * (half + 16), "IQ4_XS": half + 2 + 4 + 128,
		"TQ1_0": half + 4 + 48, "TQ2_0": half + 64, "MXFP4": 8 * (1 + 16), "NVFP4": 4 * (4 + 32), "Q1_0": 2 * (half + 16), "Q2_0": 4 * (half + 16),
	}
	if len(bytesOf) != len(tensorTypes) {
		t.Errorf("%d sizes for %d types", len(bytesOf), len(tensorTypes))
	}
	for number, typ := range tensorTypes {
		f := sound()
		f.Remove("general.file_type")
		f.Tensors = []ggufgen.Tensor{{Name: "x", Shape: []uint64{256}, Type: number, Data: make([]byte, bytesOf[typ.name])}}
		f.NoPadding = true
		if h, err := examine(f.Bytes()); err != nil || h.Quantisation != typ.name || h.Parameters != 256 {
			t.Errorf("%s: %v, quantisation %q, %d parameters", typ.name, err, h.Quantisation, h.Parameters)
		}
	}
}

func split(f *ggufgen.File, no, count uint16, tensors int32) {
	f.Set("split.no", no)
	f.Set("split.count", count)
	f.Set("split.tensors.count", tensors)
}

func token(f *ggufgen.File, i int, text string) {
	f.Value("tokenizer.ggml.tokens").([]string)[i] = text
}

func rename(f *ggufgen.File, architecture string) {
	f.Set("general.architecture", architecture)
	for i, p := range f.Pairs {
		if rest, ok := strings.CutPrefix(p.Key, "llama."); ok {
			f.Pairs[i].Key = architecture + "." + rest
		}
	}
}

func blocks(f *ggufgen.File, n uint32) {
	f.Set("llama.block_count", n)
	f.Set("llama.feed_forward_length", make([]uint32, n))
	f.Set("llama.attention.head_count_kv", make([]uint32, n))
	f.Set("llama.attention.sliding_window_pattern", make([]bool, n))
}
