package gguf

import (
	"math"
	"strings"

	"abaton.local/internal/ggufgen"
)

func hostileShapes() []hostile {
	return []hostile{
		{"blocks missing", remove("llama.block_count", "llama.feed_forward_length", "llama.attention.head_count_kv", "llama.attention.sliding_window_pattern"), "llama.block_count"},
		{"blocks 0", set("llama.block_count", uint32(0)), "llama.block_count"},
		{"blocks 513", func(f *ggufgen.File) { blocks(f, 513) }, "llama.block_count"},
		{"blocks 2^32-1", set("llama.block_count", uint32(math.MaxUint32)), "llama.block_count"},
		{"blocks as u64", set("llama.block_count", uint64(2)), "llama.block_count"},
		{"blocks negative", set("llama.block_count", int32(-2)), "llama.block_count"},
		{"blocks as array", set("llama.block_count", []uint32{2}), "llama.block_count"},
		{"blocks as string", set("llama.block_count", "2"), "llama.block_count"},
		{"decoder blocks 600", set("llama.decoder_block_count", uint32(600)), "llama.decoder_block_count"},
		{"predicting blocks more than blocks", set("llama.nextn_predict_layers", uint32(3)), "llama.nextn_predict_layers"},
		{"shared blocks more than blocks", set("llama.attention.shared_kv_layers", uint32(3)), "llama.attention.shared_kv_layers"},
		{"context missing", remove("llama.context_length"), "llama.context_length"},
		{"context 0", set("llama.context_length", uint32(0)), "llama.context_length"},
		{"context 2^31", set("llama.context_length", uint32(1<<31)), "llama.context_length"},
		{"context as float", set("llama.context_length", float32(512)), "llama.context_length"},
		{"width missing", remove("llama.embedding_length"), "llama.embedding_length"},
		{"width 0", set("llama.embedding_length", uint32(0)), "llama.embedding_length"},
		{"width 2^30", set("llama.embedding_length", uint32(1<<30)), "llama.embedding_length"},
		{"heads 65536", set("llama.attention.head_count", uint32(65536)), "llama.attention.head_count"},
		{"heads as f32 array", set("llama.attention.head_count", []float32{4, 4}), "llama.attention.head_count"},
		{"heads as u64 array", set("llama.attention.head_count", []uint64{4, 4}), "llama.attention.head_count"},
		{"heads for three of two blocks", set("llama.attention.head_count", []uint32{4, 4, 4}), "llama.attention.head_count"},
		{"heads for one of two blocks", set("llama.attention.head_count", []uint32{4}), "llama.attention.head_count"},
		{"heads for 513 blocks", set("llama.attention.head_count", make([]uint32, 513)), "llama.attention.head_count"},
		{"heads negative in one block", set("llama.attention.head_count", []int32{4, -4}), "llama.attention.head_count"},
		{"heads that divide no width", func(f *ggufgen.File) {
			remove("llama.attention.key_length", "llama.attention.value_length", "llama.attention.head_count_kv")(f)
			f.Set("llama.attention.head_count", uint32(7))
		}, "llama.attention.head_count"},
		{"more heads than width", func(f *ggufgen.File) {
			remove("llama.attention.key_length", "llama.attention.value_length", "llama.attention.head_count_kv")(f)
			f.Set("llama.attention.head_count", uint32(128))
		}, "llama.attention.head_count"},
		{"kv heads that divide no heads", set("llama.attention.head_count_kv", uint32(3)), "llama.attention.head_count_kv"},
		{"kv heads more than heads", set("llama.attention.head_count_kv", []uint32{2, 8}), "llama.attention.head_count_kv"},
		{"kv heads for 100 blocks", set("llama.attention.head_count_kv", make([]int32, 100)), "llama.attention.head_count_kv"},
		{"key length 0", set("llama.attention.key_length", uint32(0)), "llama.attention.key_length"},
		{"key length 2^20", set("llama.attention.key_length", uint32(1<<20)), "llama.attention.key_length"},
		{"key length as u16", set("llama.attention.key_length", uint16(16)), "llama.attention.key_length"},
		{"value length 2^32-1", set("llama.attention.value_length", uint32(math.MaxUint32)), "llama.attention.value_length"},
		{"window 2^31", set("llama.attention.sliding_window", uint32(1<<31)), "llama.attention.sliding_window"},
		{"window pattern for 513 blocks", set("llama.attention.sliding_window_pattern", make([]bool, 513)), "llama.attention.sliding_window_pattern"},
		{"window pattern for three of two blocks", set("llama.attention.sliding_window_pattern", make([]bool, 3)), "llama.attention.sliding_window_pattern"},
		{"window pattern of strings", set("llama.attention.sliding_window_pattern", []string{"a", "b"}), "llama.attention.sliding_window_pattern"},
		{"clamps of integers", set("llama.swiglu_clamp_exp", make([]uint8, 2)), "llama.swiglu_clamp_exp"},
		{"recurrent layers for 2000 blocks", set("llama.attention.recurrent_layers", make([]bool, 2000)), "llama.attention.recurrent_layers"},
		{"rope dimensions 2^17", set("llama.rope.dimension_count", uint32(1<<17)), "llama.rope.dimension_count"},
		{"rope dimensions more than the key", set("llama.rope.dimension_count", uint32(32)), "llama.rope.dimension_count"},
		{"rope dimensions odd", func(f *ggufgen.File) {
			f.Set("llama.attention.key_length", uint32(15))
			f.Set("llama.rope.dimension_count", uint32(15))
		}, "llama.rope.dimension_count"},
		{"rope scaling of an unknown kind", set("llama.rope.scaling.type", "bogus"), "llama.rope.scaling.type"},
		{"pooling of an unknown kind", set("llama.pooling_type", uint32(5)), "llama.pooling_type"},
		{"rope sections five", set("llama.rope.dimension_sections", []int32{1, 1, 1, 1, 1}), "llama.rope.dimension_sections"},
		{"rope sections that sum to 0", set("llama.rope.dimension_sections", []int32{0, 0, 0, 0}), "llama.rope.dimension_sections"},
		{"rope section negative", set("llama.rope.dimension_sections", []int32{8, -8, 4, 4}), "llama.rope.dimension_sections"},
		{"rope section huge", set("llama.rope.dimension_sections", []int32{math.MaxInt32, 1, 1, 1}), "llama.rope.dimension_sections"},
		{"rope sections as floats", set("llama.rope.dimension_sections", []float32{1, 1, 1, 1}), "llama.rope.dimension_sections"},
		{"experts 1025", set("llama.expert_count", uint32(1025)), "llama.expert_count"},
		{"experts used more than there are", set("llama.expert_used_count", uint32(9)), "llama.expert_used_count"},
		{"experts used in one block more than there are", set("llama.expert_used_count", []uint32{2, 9}), "llama.expert_used_count"},
		{"experts used of none", remove("llama.expert_count"), "llama.expert_used_count"},
		{"expert groups of none", func(f *ggufgen.File) {
			remove("llama.expert_count", "llama.expert_used_count")(f)
			f.Set("llama.expert_group_count", uint32(1))
		}, "llama.expert_group_count"},
		{"expert groups that do not divide", set("llama.expert_group_count", uint32(3)), "llama.expert_group_count"},
		{"expert groups all unused", func(f *ggufgen.File) {
			f.Set("llama.expert_group_count", uint32(4))
			f.Set("llama.expert_group_used_count", uint32(0))
		}, "llama.expert_group_used_count"},
		{"forward length for three of two blocks", set("llama.feed_forward_length", []uint32{1, 2, 3}), "llama.feed_forward_length"},
		{"forward length negative", set("llama.feed_forward_length", []int32{128, -1}), "llama.feed_forward_length"},
		{"forward length 2^31", set("llama.feed_forward_length", uint32(1<<31)), "llama.feed_forward_length"},
		{"state space of width 0", set("llama.ssm.inner_size", uint32(0)), "llama.ssm.inner_size"},
		{"state space of heads 0", set("llama.ssm.time_step_rank", uint32(0)), "llama.ssm.time_step_rank"},
		{"recurrent head of size 0", set("llama.wkv.head_size", uint32(0)), "llama.wkv.head_size"},
		{"number of an architecture with dots", func(f *ggufgen.File) {
			rename(f, "a.b.c")
			f.Set("a.b.c.attention.head_count", []int32{4, -4})
		}, "a.b.c.attention.head_count"},
		{"picture means for one colour", asProjector("clip.vision.image_mean", []float32{.5}), "clip.vision.image_mean"},
		{"picture deviations for one colour", asProjector("clip.vision.image_std", []float32{.5}), "clip.vision.image_std"},
		{"picture means as integers", asProjector("clip.vision.image_mean", []int32{1, 1, 1}), "clip.vision.image_mean"},
		{"picture blocks 2^31", asProjector("clip.vision.block_count", uint32(1<<31)), "clip.vision.block_count"},
		{"picture patch 0", asProjector("clip.vision.patch_size", uint32(0)), "clip.vision.patch_size"},
		{"picture size 2^31", asProjector("clip.vision.image_size", uint32(1<<31)), "clip.vision.image_size"},
		{"sound bins as string", asProjector("clip.audio.num_mel_bins", "128"), "clip.audio.num_mel_bins"},
	}
}

// asProjector turns the file into one of architecture clip with one more key.
func asProjector(key string, value any) func(*ggufgen.File) {
	return func(f *ggufgen.File) {
		f.Pairs = []ggufgen.Pair{{Key: "general.architecture", Value: "clip"}, {Key: "general.type", Value: "mmproj"}, {Key: key, Value: value}}
	}
}

func hostileSplits() []hostile {
	parts := func(no, count uint16, tensors int32) func(*ggufgen.File) {
		return func(f *ggufgen.File) { split(f, no, count, tensors) }
	}
	with := func(change func(*ggufgen.File), key string, value any) func(*ggufgen.File) {
		return func(f *ggufgen.File) {
			change(f)
			if f.Remove(key); value != nil {
				f.Set(key, value)
			}
		}
	}
	return []hostile{
		{"part 3 of 3, counted from 0", parts(3, 3, 9), "split.no"},
		{"part 65535 of 2", parts(65535, 2, 9), "split.no"},
		{"part 1 of 0", parts(1, 0, 9), "split.no"},
		{"parts 1025", parts(0, 1025, 9), "split.count"},
		{"part without a count", with(parts(0, 2, 9), "split.count", nil), "split.count"},
		{"part without a number", with(parts(0, 2, 9), "split.no", nil), "split.no"},
		{"part without all tensors", with(parts(0, 2, 9), "split.tensors.count", nil), "split.tensors.count"},
		{"part number as u32", with(parts(0, 2, 9), "split.no", uint32(0)), "split.no"},
		{"part count as i32", with(parts(0, 2, 9), "split.count", int32(2)), "split.count"},
		{"all tensors as u64", with(parts(0, 2, 9), "split.tensors.count", uint64(9)), "split.tensors.count"},
		{"all tensors fewer than this part's", parts(0, 2, 3), "split.tensors.count"},
		{"all tensors negative", parts(0, 2, -1), "split.tensors.count"},
		{"all tensors beyond the cap", parts(0, 2, math.MaxInt32), "split.tensors.count"},
		{"only part with tensors elsewhere", parts(0, 1, 9), "split.tensors.count"},
		{"first part without architecture", with(parts(0, 2, 9), "general.architecture", nil), "general.architecture"},
		{"later part with a bad architecture", with(parts(1, 2, 9), "general.architecture", "Bad Name"), "general.architecture"},
		{"first part without blocks", func(f *ggufgen.File) {
			f.Pairs, f.Tensors = []ggufgen.Pair{{Key: "general.architecture", Value: "llama"}}, nil
			split(f, 0, 2, 9)
		}, "llama.block_count"},
	}
}

func hostileTensors() []hostile {
	change := func(i int, c func(t *ggufgen.Tensor)) func(*ggufgen.File) {
		return func(f *ggufgen.File) { c(&f.Tensors[i]) }
	}
	named := func(name string) func(*ggufgen.File) {
		return change(1, func(t *ggufgen.Tensor) { t.Name = name })
	}
	shaped := func(shape ...uint64) func(*ggufgen.File) {
		return change(1, func(t *ggufgen.Tensor) { t.Shape = shape })
	}
	typed := func(n uint32) func(*ggufgen.File) {
		return change(0, func(t *ggufgen.Tensor) { t.Type = n })
	}
	at := func(offset uint64) func(*ggufgen.File) {
		return change(1, func(t *ggufgen.Tensor) { t.Offset = &offset })
	}
	const norm, embedding = "tensor output_norm.weight", "tensor token_embd.weight"
	return []hostile{
		{"tensor without a name", named(""), "tensor 1"},
		{"tensor name of 64 bytes", named(strings.Repeat("n", 64)), "tensor 1"},
		{"tensor name of 2 MB", named(strings.Repeat("n", 2<<20)), "tensor 1"},
		{"tensor name with NUL", named("output.weight\x00"), "tensor 1"},
		{"tensor name with an escape sequence", named("\x1b]0;x\x07"), "tensor 1"},
		{"tensor name that is not ASCII", named("gewicht.größe"), "tensor 1"},
		{"tensor twice", named("token_embd.weight"), embedding},
		{"no dimensions", shaped(), norm},
		{"five dimensions", shaped(64, 1, 1, 1, 1), norm},
		{"dimension 0", shaped(0), norm},
		{"dimension 0 behind large ones", shaped(1<<31-1, 1<<31-1, 1<<31-1, 0), norm},
		{"dimension negative", shaped(math.MaxUint64), norm},
		{"dimension -2^63", shaped(1 << 63), norm},
		{"dimension 2^31", shaped(1 << 31), norm},
		{"shape that wraps to 0", shaped(1<<32, 1<<32, 2), norm},
		{"shape that wraps to 64", shaped(1<<32+64, 1<<32+1), norm},
		{"shape of 2^93 elements", shaped(1<<31-1, 1<<31-1, 1<<31-1), norm},
		{"shape of 2^62 elements", shaped(1<<31-1, 1<<31-1), norm},
		{"shape of 2^60 elements", shaped(1<<30, 1<<30), norm},
		{"shape larger than its data", shaped(64, 2), "tensor blk.0.odd.weight"},
		{"shape larger than the file", shaped(64, 1000), norm},
		{"type Q4_2, removed", typed(4), embedding},
		{"type Q8_1, never in files", typed(9), embedding},
		{"type Q8_K, never in files", typed(15), embedding},
		{"type Q4_0_4_4, removed", typed(31), embedding},
		{"type IQ4_NL_4_4, removed", typed(36), embedding},
		{"type 43", typed(43), embedding},
		{"type all ones", typed(math.MaxUint32), embedding},
		{"rows no multiple of their blocks", typed(12), embedding},
		{"one row no multiple of its blocks", change(0, func(t *ggufgen.Tensor) { t.Shape = []uint64{48, 8} }), embedding},
		{"offset 1", at(1), norm},
		{"offset 0 twice: two tensors in one place", at(0), norm},
		{"offset beyond the file", at(1 << 40), norm},
		{"offset negative", at(math.MaxUint64 - 31), norm},
		{"offset one alignment on", at(448), norm},
		{"first offset not 0", change(0, func(t *ggufgen.Tensor) { t.Offset = new(uint64(32)) }), embedding},
		{"table cut off", func(f *ggufgen.File) {
			f.ClaimTensors = new(uint64(1))
			f.Tensors = nil
			f.Trailing = raw(0, uint64(17), "token_embd.weight", uint32(2), uint64(1<<20)).Bytes
		}, embedding},
	}
}

func hostileData() []hostile {
	cut := func(n int) func(*ggufgen.File) {
		return func(f *ggufgen.File) {
			last := &f.Tensors[len(f.Tensors)-1]
			last.Data = last.Data[:len(last.Data)-n]
			f.NoPadding = true
		}
	}
	trail := func(b []byte) func(*ggufgen.File) { return func(f *ggufgen.File) { f.Trailing = b } }
	return []hostile{
		{"last byte missing", cut(1), "data section"},
		{"last tensor missing", func(f *ggufgen.File) {
			f.Tensors[3].Data = nil
			f.NoPadding = true
		}, "data section"},
		{"first tensor as long as the file", func(f *ggufgen.File) {
			f.Tensors[3].Data, f.NoPadding = f.Tensors[3].Data[1:], true // not a multiple of the alignment
			f.Tensors[0].Type, f.Tensors[0].Shape = 24, []uint64{uint64(len(f.Bytes()) - 1)}
		}, "tensor token_embd.weight"},
		{"no data at all", func(f *ggufgen.File) {
			for i := range f.Tensors {
				offset := uint64([]int{0, 416, 672, 704}[i])
				f.Tensors[i].Offset, f.Tensors[i].Data = &offset, nil
			}
		}, "data section"},
		{"one byte behind the data", trail([]byte{0}), "data section"},
		{"a zip archive behind the data", trail([]byte("PK\x03\x04 and so on")), "data section"},
		{"a megabyte behind the data", trail(make([]byte, 1<<20)), "data section"},
		{"a script behind a vocabulary", func(f *ggufgen.File) {
			f.Tensors = nil
			f.Trailing = []byte("#!/bin/sh\nrm -rf / # and enough to pass for padding")
		}, "data section"},
	}
}
