package gguf

import (
	"encoding/binary"
	"math"
	"strings"

	"abaton.local/internal/ggufgen"
)

// hostile is a file that lies in one place, and the field that the refusal
// must name.
type hostile struct {
	name   string
	change func(f *ggufgen.File)
	field  string
}

// hostiles are all files that must be refused, in the order of the file.
func hostiles() []hostile {
	var all []hostile
	for _, group := range [][]hostile{
		hostileCounts(), hostileKeys(), hostileValues(), hostileVocabularies(), hostileShapes(), hostileSplits(), hostileTensors(), hostileData(),
	} {
		all = append(all, group...)
	}
	return all
}

func set(key string, value any) func(*ggufgen.File) {
	return func(f *ggufgen.File) { f.Set(key, value) }
}

func remove(keys ...string) func(*ggufgen.File) {
	return func(f *ggufgen.File) {
		for _, k := range keys {
			f.Remove(k)
		}
	}
}

// raw is a value of type typ made of numbers: each is appended in its size.
func raw(typ uint32, numbers ...any) ggufgen.Raw {
	var b []byte
	for _, n := range numbers {
		if s, ok := n.(string); ok {
			b = append(b, s...)
			continue
		}
		b, _ = binary.Append(b, binary.LittleEndian, n)
	}
	return ggufgen.Raw{Type: typ, Bytes: b}
}

func hostileCounts() []hostile {
	pairs := func(n uint64) func(*ggufgen.File) { return func(f *ggufgen.File) { f.ClaimPairs = &n } }
	tensors := func(n uint64) func(*ggufgen.File) { return func(f *ggufgen.File) { f.ClaimTensors = &n } }
	version := func(n uint32) func(*ggufgen.File) { return func(f *ggufgen.File) { f.Version = n } }
	return []hostile{
		{"version 1", version(1), "version"},
		{"version 4", version(4), "version"},
		{"version all ones", version(math.MaxUint32), "version"},
		{"version 3 big-endian", version(3 << 24), "version"},
		{"version 2 big-endian", version(2 << 24), "version"},
		{"key count beyond the cap", pairs(maxPairs + 1), "key count"},
		{"key count 2^32", pairs(1 << 32), "key count"},
		{"key count 2^63", pairs(1 << 63), "key count"},
		{"key count all ones", pairs(math.MaxUint64), "key count"},
		{"key count beyond the file", pairs(4000), "key count"},
		{"one key too many", pairs(uint64(len(sound().Pairs)) + 1), "tensor 0"}, // the first tensor is read as a key
		{"one key too few", pairs(uint64(len(sound().Pairs)) - 1), "tensor tokenizer.chat_template"},
		{"tensor count beyond the cap", tensors(maxTensors + 1), "tensor count"},
		{"tensor count negative", tensors(math.MaxUint64), "tensor count"},
		{"tensor count that wraps times its size", tensors(math.MaxUint64/minTensorEntry + 1), "tensor count"},
		{"tensor count beyond the file", tensors(60000), "tensor count"},
		{"one tensor too many", tensors(5), "tensor 4"},
		{"one tensor too few", tensors(3), "data section"},
	}
}

func hostileKeys() []hostile {
	named := func(key string) func(*ggufgen.File) {
		return func(f *ggufgen.File) { f.Pairs[6].Key = key }
	}
	return []hostile{
		{"empty key", named(""), "key 6"},
		{"key of 257 bytes", named(strings.Repeat("k", 257)), "key 6"},
		{"key with NUL that hides another", named("general.alignment\x00"), "key 6"},
		{"key with a line end", named("general\n.tags"), "key 6"},
		{"key with an escape sequence", named("general.\x1b[31mred"), "key 6"},
		{"key with a blank", named("general tags"), "key 6"},
		{"key that is not UTF-8", named("general.\xff\xfe"), "key 6"},
		{"key in other letters", named("general.gаme"), "key 6"},
		{"key twice", named("general.name"), "general.name"},
		{"alignment twice", named("general.alignment"), "general.alignment"},
		{"architecture twice", named("general.architecture"), "general.architecture"},
		{"key of length 2^64-1", func(f *ggufgen.File) {
			f.ClaimPairs = new(uint64(len(f.Pairs) + 1))
			f.Tensors = nil
			f.Trailing = raw(0, uint64(math.MaxUint64), make([]byte, 64)).Bytes
		}, "key 35"},
	}
}

func hostileValues() []hostile {
	return []hostile{
		{"value of type 13", set("general.tags", raw(13, uint64(0))), "general.tags"},
		{"value of type all ones", set("general.tags", raw(math.MaxUint32, uint64(0))), "general.tags"},
		{"string of length 2^64-1", set("general.name", raw(8, uint64(math.MaxUint64))), "general.name"},
		{"string of length 2^63", set("general.name", raw(8, uint64(1<<63))), "general.name"},
		{"string beyond the cap", set("general.name", strings.Repeat("n", maxText+1)), "general.name"},
		{"string beyond the file", set("general.name", raw(8, uint64(60000))), "general.name"},
		{"string with NUL", set("general.name", "good\x00evil"), "general.name"},
		{"string that is not UTF-8", set("general.license", "\xc0\xaf"), "general.license"},
		{"template beyond the cap", set("tokenizer.chat_template", strings.Repeat("t", maxTemplate+1)), "tokenizer.chat_template"},
		{"named template beyond the cap", set("tokenizer.chat_template.rag", strings.Repeat("t", maxTemplate+1)), "tokenizer.chat_template.rag"},
		{"template as array", set("tokenizer.chat_template", []string{"x"}), "tokenizer.chat_template"},
		{"carried tokenizer beyond the file", set("tokenizer.huggingface.json", raw(8, uint64(1<<25))), "tokenizer.huggingface.json"},
		{"carried tokenizer beyond the cap", set("tokenizer.huggingface.json", raw(8, uint64(1<<40))), "tokenizer.huggingface.json"},
		{"carried tokenizer as array", set("tokenizer.huggingface.json", []uint8{1}), "tokenizer.huggingface.json"},
		{"bool of value 2", set("tokenizer.ggml.add_bos_token", raw(7, uint8(2))), "tokenizer.ggml.add_bos_token"},
		{"bool of value 255 in an array", set("general.flags", raw(9, uint32(7), uint64(2), uint8(1), uint8(255))), "general.flags[1]"},
		{"array in an array", set("general.tags", raw(9, uint32(9), uint64(1), uint32(4), uint64(0))), "general.tags"},
		{"arrays 200,000 deep", set("general.tags", raw(9, strings.Repeat("\x09\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00", 200000))), "general.tags"},
		{"array of type 13", set("general.tags", raw(9, uint32(13), uint64(0))), "general.tags"},
		{"array of length 2^64-1", set("general.tags", raw(9, uint32(0), uint64(math.MaxUint64))), "general.tags"},
		{"array whose bytes wrap to 8", set("general.tags", raw(9, uint32(10), uint64(1<<61+1), uint64(0))), "general.tags"},
		{"array beyond the cap", set("general.tags", raw(9, uint32(0), uint64(maxArray+1), make([]byte, maxArray+1))), "general.tags"},
		{"array beyond the file", set("general.tags", raw(9, uint32(4), uint64(1<<20))), "general.tags"},
		{"strings beyond the file", set("general.tags", raw(9, uint32(8), uint64(1<<20))), "general.tags"},
		{"string of length 2^64-1 in an array", set("general.tags", raw(9, uint32(8), uint64(2), uint64(1), "a", uint64(math.MaxUint64))), "general.tags[1]"},
		{"string with NUL in an array", set("general.tags", []string{"a", "b\x00c"}), "general.tags[1]"},
		{"alignment 0", set("general.alignment", uint32(0)), "general.alignment"},
		{"alignment 1", set("general.alignment", uint32(1)), "general.alignment"},
		{"alignment 4", set("general.alignment", uint32(4)), "general.alignment"},
		{"alignment 48", set("general.alignment", uint32(48)), "general.alignment"},
		{"alignment 8192", set("general.alignment", uint32(8192)), "general.alignment"},
		{"alignment 2^31", set("general.alignment", uint32(1<<31)), "general.alignment"},
		{"alignment as u64", set("general.alignment", uint64(32)), "general.alignment"},
		{"alignment as u8", set("general.alignment", uint8(32)), "general.alignment"},
		{"alignment as string", set("general.alignment", "32"), "general.alignment"},
		{"alignment as array", set("general.alignment", []uint32{32}), "general.alignment"},
		{"alignment that the layout does not have", set("general.alignment", uint32(64)), "tensor output_norm.weight"},
		{"file type as string", set("general.file_type", "Q8_0"), "general.file_type"},
		{"no architecture", remove("general.architecture"), "general.architecture"},
		{"empty architecture", set("general.architecture", ""), "general.architecture"},
		{"architecture as number", set("general.architecture", uint32(1)), "general.architecture"},
		{"architecture as array", set("general.architecture", []string{"llama"}), "general.architecture"},
		{"architecture with NUL", set("general.architecture", "llama\x00x"), "general.architecture"},
		{"architecture in capitals", set("general.architecture", "LLaMA"), "general.architecture"},
		{"architecture as a path", set("general.architecture", "../../etc"), "general.architecture"},
		{"architecture as a format string", set("general.architecture", "%s%n"), "general.architecture"},
		{"architecture of 65 bytes", set("general.architecture", strings.Repeat("a", 65)), "general.architecture"},
		{"architecture that is not UTF-8", set("general.architecture", "llama\xff"), "general.architecture"},
	}
}

func hostileVocabularies() []hostile {
	tok := func(i int, s string) func(*ggufgen.File) { return func(f *ggufgen.File) { token(f, i, s) } }
	return []hostile{
		{"tokens as one string", set("tokenizer.ggml.tokens", "abc"), "tokenizer.ggml.tokens"},
		{"tokens as numbers", set("tokenizer.ggml.tokens", []uint32{1, 2, 3, 4, 5, 6}), "tokenizer.ggml.tokens"},
		{"no tokens in the list", set("tokenizer.ggml.tokens", []string{}), "tokenizer.ggml.tokens"},
		{"tokens missing", remove("tokenizer.ggml.tokens"), "tokenizer.ggml.scores"},
		{"more tokens than the cap", set("tokenizer.ggml.tokens", make([]string, maxTokens+1)), "tokenizer.ggml.tokens"},
		{"token of 4097 bytes", tok(4, strings.Repeat("x", maxToken+1)), "tokenizer.ggml.tokens[4]"},
		{"token of 2^31 bytes", set("tokenizer.ggml.tokens", raw(9, uint32(8), uint64(2), uint64(1<<31), uint64(0))), "tokenizer.ggml.tokens[0]"},
		{"token twice", tok(5, "a"), "tokenizer.ggml.tokens[5]"},
		{"token twice up to its NUL", tok(5, "a\x00b"), "tokenizer.ggml.tokens[5]"},
		{"token that reads like an empty one's name", func(f *ggufgen.File) { token(f, 0, "[EMPTY_5]"); token(f, 5, "") }, "tokenizer.ggml.tokens[5]"},
		{"scores as u8", set("tokenizer.ggml.scores", make([]uint8, 6)), "tokenizer.ggml.scores"},
		{"scores as f64", set("tokenizer.ggml.scores", make([]float64, 6)), "tokenizer.ggml.scores"},
		{"scores as one number", set("tokenizer.ggml.scores", float32(1)), "tokenizer.ggml.scores"},
		{"scores too few", set("tokenizer.ggml.scores", make([]float32, 5)), "tokenizer.ggml.scores"},
		{"scores too many", set("tokenizer.ggml.scores", make([]float32, 7)), "tokenizer.ggml.scores"},
		{"score not a number", set("tokenizer.ggml.scores", []float32{0, 0, 0, float32(math.NaN()), 0, 0}), "tokenizer.ggml.scores[3]"},
		{"score infinite", set("tokenizer.ggml.scores", []float32{0, 0, 0, 0, float32(math.Inf(-1)), 0}), "tokenizer.ggml.scores[4]"},
		{"token types as u8", set("tokenizer.ggml.token_type", make([]uint8, 6)), "tokenizer.ggml.token_type"},
		{"token types as f32", set("tokenizer.ggml.token_type", make([]float32, 6)), "tokenizer.ggml.token_type"},
		{"token types too few", set("tokenizer.ggml.token_type", make([]int32, 2)), "tokenizer.ggml.token_type"},
		{"token types too many", set("tokenizer.ggml.token_type", make([]int32, 600)), "tokenizer.ggml.token_type"},
		{"token type 7", set("tokenizer.ggml.token_type", []int32{0, 1, 2, 6, 4, 7}), "tokenizer.ggml.token_type[5]"},
		{"token type negative", set("tokenizer.ggml.token_type", []int32{0, -1, 2, 6, 4, 5}), "tokenizer.ggml.token_type[1]"},
		{"byte token <0x-1>", tok(3, "<0x-1>"), "tokenizer.ggml.tokens[3]"},
		{"byte token <0x+F>", tok(3, "<0x+F>"), "tokenizer.ggml.tokens[3]"},
		{"byte token <0x 1>", tok(3, "<0x 1>"), "tokenizer.ggml.tokens[3]"},
		{"byte token <0xGG>", tok(3, "<0xGG>"), "tokenizer.ggml.tokens[3]"},
		{"byte token <0x100>", tok(3, "<0x100>"), "tokenizer.ggml.tokens[3]"},
		{"byte token of two bytes", tok(3, "ab"), "tokenizer.ggml.tokens[3]"},
		{"byte token that is empty", tok(3, ""), "tokenizer.ggml.tokens[3]"},
		{"byte token cut by NUL", tok(3, "<0x\x0041>"), "tokenizer.ggml.tokens[3]"},
		{"byte tokens before the tokens are read", func(f *ggufgen.File) {
			types := f.Value("tokenizer.ggml.token_type")
			f.Remove("tokenizer.ggml.token_type")
			f.Pairs = append([]ggufgen.Pair{{Key: "tokenizer.ggml.token_type", Value: types}}, f.Pairs...)
			token(f, 3, "<0x-1>")
		}, "tokenizer.ggml.tokens[3]"},
		{"PLaMo-2 with a table beyond 32 bits", func(f *ggufgen.File) {
			f.Set("tokenizer.ggml.model", "plamo2")
			tokens := []string{}
			for i := range 128 {
				tokens = append(tokens, strings.Repeat(string(rune('0'+i)), maxToken/2))
			}
			f.Set("tokenizer.ggml.tokens", tokens)
			f.Remove("tokenizer.ggml.scores")
			f.Remove("tokenizer.ggml.token_type")
		}, "tokenizer.ggml.tokens"},
		{"tokenizer model with NUL", set("tokenizer.ggml.model", "plamo2\x00"), "tokenizer.ggml.model"},
		{"tokenizer model as number", set("tokenizer.ggml.model", uint32(2)), "tokenizer.ggml.model"},
		{"merges as numbers", set("tokenizer.ggml.merges", []uint32{1}), "tokenizer.ggml.merges"},
		{"merges as one string", set("tokenizer.ggml.merges", "a b"), "tokenizer.ggml.merges"},
		{"merge without a blank", set("tokenizer.ggml.merges", []string{"a b", "abc"}), "tokenizer.ggml.merges[1]"},
		{"merge of nothing", set("tokenizer.ggml.merges", []string{"a b", ""}), "tokenizer.ggml.merges[1]"},
		{"merge with nothing after the blank", set("tokenizer.ggml.merges", []string{"ab "}), "tokenizer.ggml.merges[0]"},
		{"merge beyond the cap", set("tokenizer.ggml.merges", []string{strings.Repeat("a ", maxMerge)}), "tokenizer.ggml.merges[0]"},
		{"more merges than the cap", set("tokenizer.ggml.merges", raw(9, uint32(8), uint64(1<<31))), "tokenizer.ggml.merges"},
		{"charsmap of 3 bytes", set("tokenizer.ggml.precompiled_charsmap", []uint8{1, 0, 0}), "tokenizer.ggml.precompiled_charsmap"},
		{"charsmap with a table beyond its end", set("tokenizer.ggml.precompiled_charsmap", []uint8{8, 0, 0, 0, 1, 2, 3, 4, 'x', 0}), "tokenizer.ggml.precompiled_charsmap"},
		{"charsmap with a table of 2^32-4", set("tokenizer.ggml.precompiled_charsmap", []uint8{0xfc, 255, 255, 255, 1, 2, 3, 4, 'x', 0}), "tokenizer.ggml.precompiled_charsmap"},
		{"charsmap with half an entry", set("tokenizer.ggml.precompiled_charsmap", []uint8{3, 0, 0, 0, 1, 2, 3, 'x', 'y', 0}), "tokenizer.ggml.precompiled_charsmap"},
		{"charsmap whose last string has no end", set("tokenizer.ggml.precompiled_charsmap", []uint8{4, 0, 0, 0, 1, 2, 3, 4, 'x', 'y'}), "tokenizer.ggml.precompiled_charsmap"},
		{"charsmap of u32", set("tokenizer.ggml.precompiled_charsmap", []uint32{4, 1, 2}), "tokenizer.ggml.precompiled_charsmap"},
		{"suppressed tokens as u8", set("tokenizer.ggml.suppress_tokens", []uint8{4}), "tokenizer.ggml.suppress_tokens"},
		{"first token outside the vocabulary", set("tokenizer.ggml.bos_token_id", uint32(6)), "tokenizer.ggml.bos_token_id"},
		{"last token at 2^31", set("tokenizer.ggml.eos_token_id", uint32(1<<31)), "tokenizer.ggml.eos_token_id"},
		{"unknown special token outside the vocabulary", set("tokenizer.ggml.new_token_id", uint32(1000)), "tokenizer.ggml.new_token_id"},
		{"special token negative", set("tokenizer.ggml.eot_token_id", int32(-2)), "tokenizer.ggml.eot_token_id"},
		{"special token as string", set("tokenizer.ggml.fim_pre_token_id", "1"), "tokenizer.ggml.fim_pre_token_id"},
		{"special token as array", set("tokenizer.ggml.unknown_token_id", []uint32{1}), "tokenizer.ggml.unknown_token_id"},
		{"special token without a vocabulary", remove("tokenizer.ggml.tokens", "tokenizer.ggml.scores", "tokenizer.ggml.token_type", "llama.vocab_size"), "tokenizer.ggml.bos_token_id"},
		{"decoder's first token outside the vocabulary", set("llama.decoder_start_token_id", uint32(7)), "llama.decoder_start_token_id"},
		{"vocabulary of 2^32-1 made-up tokens", set("llama.vocab_size", uint32(math.MaxUint32)), "llama.vocab_size"},
		{"vocabulary size as string", set("llama.vocab_size", "6"), "llama.vocab_size"},
		{"vocabulary size as u64", set("llama.vocab_size", uint64(6)), "llama.vocab_size"},
		{"vocabulary size negative", set("llama.vocab_size", int32(-6)), "llama.vocab_size"},
		{"token type count 2^31", set("tokenizer.ggml.token_type_count", uint32(1<<31)), "tokenizer.ggml.token_type_count"},
		{"adapter token outside the vocabulary", set("llama.adapters.token_ids_substitute", []int32{1, 6}), "llama.adapters.token_ids_substitute[1]"},
		{"adapter token negative", set("llama.adapters.token_ids_activate", []int32{-2}), "llama.adapters.token_ids_activate[0]"},
		{"adapter tokens as floats", set("llama.adapters.token_ids_activate", []float32{1}), "llama.adapters.token_ids_activate"},
		{"adapter tokens 513", set("llama.adapters.token_ids_activate", make([]int32, 513)), "llama.adapters.token_ids_activate"},
		{"memory of 2^31-1 tokens for penalties", set("general.sampling.penalty_last_n", int32(math.MaxInt32)), "general.sampling.penalty_last_n"},
		{"memory for penalties as text", set("general.sampling.penalty_last_n", "2147483647"), "general.sampling.penalty_last_n"},
		{"memory for penalties as a float", set("general.sampling.penalty_last_n", float64(2147483647)), "general.sampling.penalty_last_n"},
		{"memory for penalties of -2", set("general.sampling.penalty_last_n", int64(-2)), "general.sampling.penalty_last_n"},
		{"choice among 2^40 tokens", set("general.sampling.top_k", uint64(1<<40)), "general.sampling.top_k"},
		{"choice among 2^63 tokens", set("general.sampling.top_k", uint64(1<<63)), "general.sampling.top_k"},
		{"temperature as text", set("general.sampling.temp", "nan"), "general.sampling.temp"},
		{"flag as number", set("tokenizer.ggml.add_eos_token", uint32(1)), "tokenizer.ggml.add_eos_token"},
	}
}
