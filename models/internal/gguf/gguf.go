// Package gguf checks the header of a model file in Go before native code sees
// a byte of it. The engine trusts much of what a header says: it allocates by
// it, indexes by it and aborts on it. So every count, length, type, shape and
// offset is checked here against the file's real size and against fixed caps,
// in one forward pass with a bounded buffer.
//
// What the engine expects is taken from its version b11434: gguf.cpp,
// llama-model-loader.cpp, llama-model.cpp and llama-vocab.cpp. The file format
// is described in docs/gguf.md of the ggml project. The check cannot see
// whether tensors fit the graph of their architecture: the jail is for that.
package gguf

import (
	"fmt"
	"io"
	"strconv"
)

// Header is what a sound header says of its model. Zero means "not said". Texts
// are valid UTF-8 without NUL, and otherwise as the file has them: they may
// hold line ends and control sequences, so clean them before showing them.
type Header struct {
	Version      uint32 // of the file format: 2 or 3
	Kind         string // general.type: "model" when not said, else "adapter", "mmproj" and the like
	Architecture string // "" only in the second and later parts of a split model
	Name         string
	License      string
	FileType     uint32 // general.file_type, the engine's number; see Quantisation for a name
	Quantisation string // "Q4_K_M"; of the type that most bytes have when the file does not say

	Parameters    uint64 // elements in all tensors of this file
	ContextLength uint64 // tokens the model was trained for
	Blocks        uint64 // layers
	Embedding     uint64 // width of a token between layers
	Heads         uint64 // attention heads of the layer that has most
	HeadsKV       uint64 // key/value heads of the layer that has most
	KeyLength     uint64 // elements of one head's key
	ValueLength   uint64
	Pooling       uint64 // how one vector is made of a text's: the engine's number, 0 for not at all
	CacheElements uint64 // keys and values of one token over all layers, in elements, windows ignored
	SlidingWindow uint64 // tokens that windowed layers remember
	Windowed      bool   // something speaks of a window, or of chunks
	State         bool   // something speaks of layers that keep a state instead of keys and values
	Vocab         uint64 // tokens in the vocabulary
	ChatTemplate  []byte // Jinja source; it is a program for the engine, not for us

	TensorCount int
	Split       Split
	HeaderBytes int64 // up to the end of the tensor table
	DataOffset  int64 // where tensor data begins
}

// Split says which part of a model the file is. Count is 0 for a whole model.
type Split struct {
	No      int // from 0
	Count   int
	Tensors int // in all parts together
}

// Error says which field of a header is wrong, and how. Names that come from
// the file are quoted and shortened: both strings are safe to print.
type Error struct {
	Field, Reason string
}

func (e *Error) Error() string { return "gguf header: " + e.Field + ": " + e.Reason }

// Check reads the header of a file of size bytes and reports what it says. A
// header that is refused gives an *Error; any other error means that r could
// not be read. Memory stays below some 40 MB whatever the file claims, and at
// most maxHeader bytes are read. Check may run concurrently on one r.
func Check(r io.ReaderAt, size int64) (Header, error) {
	c := &checker{in: newStream(r, size), alignment: defaultAlignment}
	steps := []func() error{c.start, c.readPairs, c.judgePairs, c.readTensors}
	for _, step := range steps {
		if err := step(); err != nil {
			return Header{}, err
		}
	}
	return c.header, nil
}

// checker is one run of Check.
type checker struct {
	in        *stream
	header    Header
	pairs     uint64 // as the file claims, within caps
	tensors   uint64
	alignment uint64
	meta      metadata
	words     vocabulary
}

// start reads magic, version and the two counts.
func (c *checker) start() error {
	if err := recognise(c.in); err != nil {
		return err
	}
	if err := c.in.skip("magic", 4); err != nil {
		return err
	}
	version, err := c.in.uint32("version")
	if err != nil {
		return err
	}
	switch {
	case version == 2 || version == 3:
	case version == 1:
		return refuse("version", "is 1, which the engine no longer reads: convert the model anew")
	case version&0xffff == 0 && version != 0:
		return refuse("version", "is big-endian: this file was made for another kind of machine")
	default:
		return refuse("version", "is %d, only 2 and 3 are known", version)
	}
	c.header.Version = version
	if c.tensors, err = c.count("tensor count", maxTensors, minTensorEntry); err != nil {
		return err
	}
	c.pairs, err = c.count("key count", maxPairs, minPairEntry)
	return err
}

// count reads a number of entries that need at least least bytes each.
func (c *checker) count(field string, most, least uint64) (uint64, error) {
	n, err := c.in.uint64(field)
	if err != nil {
		return 0, err
	}
	if n > most {
		return 0, refuse(field, "is %d, at most %d are allowed", n, most)
	}
	if n*least > c.in.left() {
		return 0, refuse(field, "is %d, more than the %d bytes that follow can hold", n, c.in.left())
	}
	return n, nil
}

func refuse(field, format string, a ...any) error {
	return &Error{Field: field, Reason: fmt.Sprintf(format, a...)}
}

// quote makes a name that a file chose safe to print: escaped and short.
func quote(name string) string {
	const most = 64
	if len(name) > most {
		return strconv.QuoteToASCII(name[:most]) + "..."
	}
	return strconv.QuoteToASCII(name)
}

// short cuts a name that plainKey has let through, and that is so safe to print.
func short(name string) string {
	const most = 64
	if len(name) > most {
		return name[:most] + "..."
	}
	return name
}
