package models

import (
	"bytes"
	"strings"
	"testing"

	"abaton.local/internal/ggufgen"
)

// What a header says of how its model remembers. An architecture that nobody looked
// at is no known one, whatever its header leaves out.
func TestRecall(t *testing.T) {
	for name, c := range map[string]struct {
		architecture string
		pairs        map[string]any
		want         Recall
	}{
		"plain":             {"llama", nil, WholeRecall},
		"no window":         {"llama", map[string]any{"attention.sliding_window": uint32(0)}, WholeRecall},
		"window":            {"llama", map[string]any{"attention.sliding_window": uint32(64)}, WindowRecall},
		"windows by layer":  {"qwen3", map[string]any{"attention.sliding_window_pattern": []uint32{1, 0}}, WindowRecall},
		"chunks":            {"llama", map[string]any{"attention.chunk_size": uint32(8192)}, WindowRecall},
		"mamba":             {"mamba", map[string]any{"ssm.state_size": uint32(16), "ssm.conv_kernel": uint32(4)}, StateRecall},
		"rwkv":              {"rwkv7", map[string]any{"wkv.head_size": uint32(64), "token_shift_count": uint32(2)}, StateRecall},
		"hybrid":            {"granitehybrid", map[string]any{"ssm.state_size": uint32(16)}, StateRecall},
		"short convolution": {"lfm2", map[string]any{"shortconv.l_cache": uint32(3)}, StateRecall},
		"recurrent layers":  {"qwen35", map[string]any{"attention.recurrent_layers": []uint32{1, 0}}, StateRecall},
		"linear attention":  {"kimi-linear", map[string]any{"kda.head_dim": uint32(128)}, StateRecall},
		"some are full":     {"qwen3next", map[string]any{"full_attention_interval": uint32(4)}, StateRecall},
		"not in the header": {"gemma2", nil, UnknownRecall},
		"nobody knows it":   {"tomorrow", nil, UnknownRecall},
	} {
		f := ggufgen.TinyLlama(1)
		for i, p := range f.Pairs {
			f.Pairs[i].Key = strings.Replace(p.Key, "llama.", c.architecture+".", 1)
		}
		f.Set("general.architecture", c.architecture)
		for key, value := range c.pairs {
			f.Set(c.architecture+"."+key, value)
		}
		b := f.Bytes()
		h, err := CheckHeader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := shapeOf(h).Recall; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
