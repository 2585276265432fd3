package gguf

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"abaton.local/internal/ggufgen"
)

// BenchmarkLargestHeader checks a header like the largest known: 262,144
// tokens and 514,906 merges. It is to take at most 150 ms.
func BenchmarkLargestHeader(b *testing.B) {
	f := sound()
	tokens, types := make([]string, 262144), make([]int32, 262144)
	for i := range tokens {
		tokens[i], types[i] = fmt.Sprintf("piece%x", i), 1
	}
	merges := make([]string, 514906)
	for i := range merges {
		merges[i] = fmt.Sprintf("pi%x ece%x", i, i)
	}
	f.Set("tokenizer.ggml.tokens", tokens)
	f.Set("tokenizer.ggml.token_type", types)
	f.Set("tokenizer.ggml.scores", make([]float32, len(tokens)))
	f.Set("tokenizer.ggml.merges", merges)
	for i := range 1000 {
		f.Tensors = append(f.Tensors, ggufgen.Tensor{Name: fmt.Sprintf("blk.%d.more.weight", i), Shape: []uint64{32}, Type: 0, Data: make([]byte, 128)})
	}
	file, header := f.Bytes(), len(f.Header())
	b.SetBytes(int64(header))
	b.ReportAllocs()
	before := processor()
	for b.Loop() {
		if _, err := Check(bytes.NewReader(file), int64(len(file))); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((processor()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
}

// processor is the time that this process computed, which a busy machine does not stretch.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRealHeaders checks the real models at hand, from the file.
func BenchmarkRealHeaders(b *testing.B) {
	for _, path := range realModels(b) {
		f, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			b.Fatal(err)
		}
		b.Run(info.Name(), func(b *testing.B) {
			before := processor()
			for b.Loop() {
				h, err := Check(f, info.Size())
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(h.HeaderBytes)
			}
			b.ReportMetric(float64((processor()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}
