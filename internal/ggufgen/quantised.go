package ggufgen

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
)

// Kind is a type of quantised weights.
type Kind struct {
	Name     string
	number   uint32 // of the type
	fileType uint32 // the engine's number for a file of mostly this type
	elements int    // in a block
	bytes    int    // of a block
	scales   []scale
}

// scale is one binary16 of a block: the only bytes that random ones would not
// do for, as some are infinite or no number.
type scale struct {
	at    int
	value float32
}

// The types that the engine can lay out anew for the processor. The scales make a
// weight's spread about a thirtieth; the second of two takes the mean away.
var (
	Q4K   = Kind{"Q4_K", 12, 14, 256, 144, []scale{{0, 1.4e-4}, {2, 1.05e-3}}}
	Q2K   = Kind{"Q2_K", 10, 10, 256, 84, []scale{{80, 3.5e-3}, {82, 5e-3}}}
	Q40   = Kind{"Q4_0", 2, 2, 32, 18, []scale{{0, 7e-3}}}
	IQ4NL = Kind{"IQ4_NL", 20, 25, 32, 18, []scale{{0, 5e-4}}}
)

// The shape of Quantised.
const (
	wideWidth   = 1024
	wideInner   = 4096
	wideHeads   = 16
	wideHeadsKV = 2
)

// Quantised makes a model like TinyLlama that is as large as one says: each block
// has 14.9 million weights, which are 8.4 MB in four bits. The same seed gives the
// same bytes.
func Quantised(seed uint64, kind Kind, blocks int) *File {
	_, _, types := tinyVocabulary()
	f := TinyLlama(seed)
	for _, p := range []Pair{
		{"general.name", "random " + kind.Name},
		{"general.file_type", kind.fileType},
		{"llama.embedding_length", uint32(wideWidth)},
		{"llama.block_count", uint32(blocks)},
		{"llama.feed_forward_length", uint32(wideInner)},
		{"llama.attention.head_count", uint32(wideHeads)},
		{"llama.attention.head_count_kv", uint32(wideHeadsKV)},
		{"llama.rope.dimension_count", uint32(wideWidth / wideHeads)},
	} {
		f.Set(p.Key, p.Value)
	}
	f.Tensors = wideTensors(rand.NewChaCha8([32]byte{byte(seed)}), kind, types, blocks)
	return f
}

func wideTensors(random *rand.ChaCha8, kind Kind, types []int32, blocks int) []Tensor {
	weights := func(name string, rows, columns int) Tensor {
		data := make([]byte, rows*columns/kind.elements*kind.bytes)
		random.Read(data) // never fails, by its contract
		for at := 0; at < len(data); at += kind.bytes {
			for _, s := range kind.scales {
				binary.LittleEndian.PutUint16(data[at+s.at:], half(s.value))
			}
		}
		return Tensor{Name: name, Shape: []uint64{uint64(columns), uint64(rows)}, Type: kind.number, Data: data}
	}
	ones := func(name string) Tensor {
		values := make([]float32, wideWidth)
		for i := range values {
			values[i] = 1
		}
		return Tensor{Name: name, Shape: []uint64{wideWidth}, Data: singles(values)}
	}
	// One channel is constant, for the output to prefer printable pieces, as in TinyLlama.
	words := func(name string, constant func(typ int32) float32) Tensor {
		values := make([]float32, len(types)*wideWidth)
		r := rand.New(random)
		for i := range values {
			values[i] = float32(r.NormFloat64()) / 32
			if i%wideWidth == 0 {
				values[i] = constant(types[i/wideWidth])
			}
		}
		return Tensor{Name: name, Shape: []uint64{wideWidth, uint64(len(types))}, Type: 1, Data: halves(values)}
	}
	list := []Tensor{
		words("token_embd.weight", func(int32) float32 { return 64 }),
		ones("output_norm.weight"),
		words("output.weight", func(typ int32) float32 {
			if typ == typeNormal {
				return 1
			}
			return -1
		}),
	}
	for i := range blocks {
		block, kv := fmt.Sprintf("blk.%d.", i), wideWidth/wideHeads*wideHeadsKV
		list = append(list,
			ones(block+"attn_norm.weight"), ones(block+"ffn_norm.weight"),
			weights(block+"attn_q.weight", wideWidth, wideWidth),
			weights(block+"attn_k.weight", kv, wideWidth),
			weights(block+"attn_v.weight", kv, wideWidth),
			weights(block+"attn_output.weight", wideWidth, wideWidth),
			weights(block+"ffn_gate.weight", wideInner, wideWidth),
			weights(block+"ffn_up.weight", wideInner, wideWidth),
			weights(block+"ffn_down.weight", wideWidth, wideInner))
	}
	return list
}

// WriteTo writes what Bytes gives, piece by piece, for files that are large.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	var done int64
	write := func(b []byte) error {
		n, err := w.Write(b)
		done += int64(n)
		return err
	}
	fill := func() error { return write(make([]byte, f.pad(uint64(done))-uint64(done))) }
	if err := write(f.Header()); err != nil {
		return done, err
	}
	if len(f.Tensors) > 0 {
		if err := fill(); err != nil {
			return done, err
		}
	}
	for i, t := range f.Tensors {
		if err := write(t.Data); err != nil {
			return done, err
		}
		if i < len(f.Tensors)-1 || !f.NoPadding {
			if err := fill(); err != nil {
				return done, err
			}
		}
	}
	return done, write(f.Trailing)
}
