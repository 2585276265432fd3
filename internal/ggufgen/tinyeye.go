package ggufgen

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// The shape of TinyEye: a picture becomes four tokens.
const (
	eyeSide   = 28
	eyePatch  = 14
	eyeWidth  = 32
	eyeInner  = 64
	eyeBlocks = 2

	// EyeTokens are those of one picture.
	EyeTokens = eyeSide / eyePatch * (eyeSide / eyePatch)
)

// TinyEye makes a projector of LLaVA's kind with random weights, for models whose
// tokens are so wide (128 for TinyLlama). It sees nothing, but different pictures
// become different tokens. The same seed gives the same bytes.
func TinyEye(seed uint64, width int) *File {
	f := &File{}
	for _, p := range []Pair{
		{"general.architecture", "clip"},
		{"general.type", "mmproj"},
		{"general.name", "tiny random eye"},
		{"general.license", "apache-2.0"},
		{"general.file_type", uint32(1)},
		{"clip.has_vision_encoder", true},
		{"clip.projector_type", "mlp"},
		{"clip.use_gelu", true},
		{"clip.vision.image_size", uint32(eyeSide)},
		{"clip.vision.patch_size", uint32(eyePatch)},
		{"clip.vision.embedding_length", uint32(eyeWidth)},
		{"clip.vision.feed_forward_length", uint32(eyeInner)},
		{"clip.vision.block_count", uint32(eyeBlocks)},
		{"clip.vision.projection_dim", uint32(width)},
		{"clip.vision.attention.head_count", uint32(2)},
		{"clip.vision.attention.layer_norm_epsilon", float32(1e-5)},
		{"clip.vision.image_mean", []float32{0.5, 0.5, 0.5}},
		{"clip.vision.image_std", []float32{0.5, 0.5, 0.5}},
	} {
		f.Set(p.Key, p.Value)
	}
	random := rand.New(rand.NewPCG(seed, 3))
	weights := func(name string, gain float64, shape ...uint64) Tensor {
		n, in := uint64(1), uint64(1)
		for i, d := range shape {
			if n *= d; i < len(shape)-1 {
				in *= d
			}
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(gain * random.NormFloat64() / math.Sqrt(float64(in)))
		}
		return Tensor{Name: name, Shape: shape, Type: 1, Data: halves(values)}
	}
	same := func(name string, value float32, n int) Tensor {
		values := make([]float32, n)
		for i := range values {
			values[i] = value
		}
		return Tensor{Name: name, Shape: []uint64{uint64(n)}, Type: 0, Data: singles(values)}
	}
	positions := make([]float32, EyeTokens*eyeWidth)
	for i := range positions {
		positions[i] = float32(random.NormFloat64())
	}
	f.Tensors = []Tensor{
		weights("v.patch_embd.weight", 8, eyePatch, eyePatch, 3, eyeWidth),
		{Name: "v.position_embd.weight", Shape: []uint64{eyeWidth, EyeTokens}, Type: 0, Data: singles(positions)},
		weights("mm.0.weight", 4, eyeWidth, uint64(width)), same("mm.0.bias", 0, width),
		weights("mm.2.weight", 4, uint64(width), uint64(width)), same("mm.2.bias", 0, width),
	}
	for i := range eyeBlocks {
		b := fmt.Sprintf("v.blk.%d.", i)
		for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_out"} {
			f.Tensors = append(f.Tensors, weights(b+name+".weight", 1, eyeWidth, eyeWidth), same(b+name+".bias", 0, eyeWidth))
		}
		for _, name := range []string{"ln1", "ln2"} {
			f.Tensors = append(f.Tensors, same(b+name+".weight", 1, eyeWidth), same(b+name+".bias", 0, eyeWidth))
		}
		f.Tensors = append(f.Tensors,
			weights(b+"ffn_up.weight", 1, eyeWidth, eyeInner), same(b+"ffn_up.bias", 0, eyeInner),
			weights(b+"ffn_down.weight", 1, eyeInner, eyeWidth), same(b+"ffn_down.bias", 0, eyeWidth))
	}
	return f
}
