package gguf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"

	"abaton.local/internal/ggufgen"
)

// made is a file that is never stored: a beginning, then a pattern for ever.
type made struct {
	start   []byte
	pattern []byte
	read    int64 // bytes handed out
}

func (m *made) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off < int64(len(m.start)) {
		n = copy(p, m.start[off:])
	}
	at := int((off + int64(n) - int64(len(m.start))) % int64(len(m.pattern)))
	for n < len(p) {
		n += copy(p[n:], m.pattern[at:])
		at = 0
	}
	m.read += int64(len(p))
	return len(p), nil
}

// TestMemoryIsBounded checks files whose headers claim all that the caps allow
// or far more, and counts every byte allocated on the way, not only the peak.
func TestMemoryIsBounded(t *testing.T) {
	const size = 1 << 40
	begin := func(tensors, pairs uint64, rest ...any) []byte {
		b := []byte("GGUF\x03\x00\x00\x00")
		b = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, tensors), pairs)
		return append(b, raw(0, rest...).Bytes...)
	}
	pair := func(key string, typ uint32) []byte {
		return binary.LittleEndian.AppendUint32(ggufgen.AppendString(nil, key), typ)
	}
	long := ggufgen.AppendString(nil, fmt.Sprintf("%0*d", maxToken, 7))
	for name, m := range map[string]*made{
		"everything claims the most": {start: []byte("GGUF\x03\x00\x00\x00"), pattern: []byte{255}},
		"strings without end": {
			start:   begin(0, 1, pair("general.tags", 9), uint32(typeString), uint64(maxArray)),
			pattern: long,
		},
		"numbers without end": {
			start:   begin(0, 1, pair("general.numbers", 9), uint32(typeUint64), uint64(1<<36)),
			pattern: []byte{1},
		},
		"one string of a terabyte": {
			start:   begin(0, 1, pair("general.name", 8), uint64(size-100)),
			pattern: []byte("x"),
		},
		"a tokenizer carried along": {
			start:   begin(0, 1, pair("tokenizer.huggingface.json", 8), uint64(maxTokenizer)),
			pattern: []byte("x"),
		},
		"tokens that repeat": {
			start:   begin(0, 1, pair("tokenizer.ggml.tokens", 9), uint32(typeString), uint64(maxTokens)),
			pattern: ggufgen.AppendString(nil, "token"),
		},
		"keys without end": {start: begin(maxTensors, maxPairs), pattern: append(pair("k", 4), 0, 0, 0, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			spent := allocated(func() {
				_, err := Check(m, size)
				if _, ok := errors.AsType[*Error](err); !ok {
					t.Errorf("not refused: %v", err)
				}
			})
			if spent > 40<<20 {
				t.Errorf("%d MB allocated", spent>>20)
			}
			if m.read > maxHeader+chunk {
				t.Errorf("%d MB read", m.read>>20)
			}
			t.Logf("%d KB allocated, %d KB read", spent>>10, m.read>>10)
		})
	}
}

// TestMemoryAtTheCaps accepts a header that has the most of all.
func TestMemoryAtTheCaps(t *testing.T) {
	f := sound()
	tokens, scores, types := make([]string, maxTokens), make([]float32, maxTokens), make([]int32, maxTokens)
	for i := range tokens {
		tokens[i], types[i] = fmt.Sprintf("t%06x", i), 1
	}
	f.Set("tokenizer.ggml.tokens", tokens)
	f.Set("tokenizer.ggml.scores", scores)
	f.Set("tokenizer.ggml.token_type", types)
	for len(f.Pairs) < maxPairs {
		f.Set(fmt.Sprintf("other.%0*d", 200, len(f.Pairs)), int64(math.MinInt64))
	}
	f.Tensors = nil
	for i := range maxTensors {
		f.Tensors = append(f.Tensors, ggufgen.Tensor{Name: fmt.Sprintf("%0*d", maxTensorName, i), Shape: []uint64{1, 1, 1, 1}, Type: 24, Data: []byte{1}})
	}
	b := f.Bytes()
	spent := allocated(func() {
		if _, err := examine(b); err != nil {
			t.Error(err)
		}
	})
	if spent > 64<<20 { // all that was ever allocated; at one time it is less
		t.Errorf("%d MB allocated for a header of %d MB", spent>>20, len(b)>>20)
	}
	t.Logf("%d KB allocated for a file of %d KB", spent>>10, len(b)>>10)
}

func allocated(run func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
