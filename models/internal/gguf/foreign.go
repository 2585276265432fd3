package gguf

import (
	"bytes"
	"encoding/binary"
)

// kinds name files that people take for a model, by their first bytes.
var kinds = []struct {
	magic string
	at    int
	what  string
}{
	{"PK\x03\x04", 0, "a zip archive, as PyTorch checkpoints are: it may hold a pickle, which is a program; look for a GGUF of this model"},
	{"PK\x05\x06", 0, "an empty zip archive"},
	{"\x80\x02", 0, "a Python pickle, which is a program, not data; look for a GGUF of this model"},
	{"\x80\x03", 0, "a Python pickle, which is a program, not data; look for a GGUF of this model"},
	{"\x80\x04", 0, "a Python pickle, which is a program, not data; look for a GGUF of this model"},
	{"\x80\x05", 0, "a Python pickle, which is a program, not data; look for a GGUF of this model"},
	{"\x89HDF\r\n\x1a\n", 0, "an HDF5 file, as Keras models are"},
	{"\x93NUMPY", 0, "a NumPy array"},
	{"\x7fELF", 0, "a program for Linux (ELF)"},
	{"MZ", 0, "a program for Windows"},
	{"\xcf\xfa\xed\xfe", 0, "a program for macOS (Mach-O)"},
	{"\xca\xfe\xba\xbe", 0, "a program for macOS (Mach-O) or Java"},
	{"#!", 0, "a script"},
	{"\x1f\x8b", 0, "gzip-compressed: unpack it first"},
	{"\x28\xb5\x2f\xfd", 0, "zstd-compressed: unpack it first"},
	{"\xfd7zXZ\x00", 0, "xz-compressed: unpack it first"},
	{"BZh", 0, "bzip2-compressed: unpack it first"},
	{"7z\xbc\xaf\x27\x1c", 0, "a 7z archive: unpack it first"},
	{"ustar", 257, "a tar archive: unpack it first"},
	{"version https://git-lfs.github.com/spec/", 0, "a Git LFS pointer, not the model itself: fetch it with git lfs pull"},
	{"lmgg", 0, "an old GGML file, from before GGUF: convert the model anew"},
	{"fmgg", 0, "an old GGMF file, from before GGUF: convert the model anew"},
	{"tjgg", 0, "an old GGJT file, from before GGUF: convert the model anew"},
	{"algg", 0, "an old GGLA adapter, from before GGUF: convert it anew"},
	{"FUGG", 0, "a GGUF file with its bytes swapped: it was made for another kind of machine"},
	{"TFL3", 4, "a TensorFlow Lite model"},
	{"%PDF", 0, "a PDF document"},
	{"\x89PNG", 0, "a picture (PNG)"},
	{"\xff\xd8\xff", 0, "a picture (JPEG)"},
}

// recognise refuses what does not begin with the magic of GGUF, and says what
// it is instead where that can be told.
func recognise(s *stream) error {
	n := min(s.left(), 512)
	head, err := s.next("magic", n)
	if err != nil {
		return err
	}
	s.offset, s.buffer = 0, s.room[:len(s.buffer)+len(head)] // seen, not taken
	if bytes.HasPrefix(head, []byte("GGUF")) {
		return nil
	}
	return refuse("magic", "this is not a GGUF file but %s", identify(head, s.size))
}

func identify(head []byte, size uint64) string {
	for _, k := range kinds {
		if len(head) >= k.at && bytes.HasPrefix(head[k.at:], []byte(k.magic)) {
			return k.what
		}
	}
	start := bytes.ToLower(bytes.TrimLeft(head, "\ufeff \t\r\n"))
	switch {
	case size == 0:
		return "empty"
	case len(bytes.Trim(head, "\x00")) == 0:
		return "filled with zeros: a download that was not finished"
	case bytes.HasPrefix(start, []byte("<!doctype html")), bytes.HasPrefix(start, []byte("<html")):
		return "a web page: the address leads to a page, not to the file"
	case bytes.HasPrefix(start, []byte("<?xml")):
		return "an XML document: a server's error message, perhaps"
	case len(head) > 9 && head[8] == '{' && binary.LittleEndian.Uint64(head) < 100<<20:
		return "a safetensors file: look for a GGUF of this model"
	case bytes.HasPrefix(start, []byte("{")):
		return "JSON text: a server's error message, perhaps"
	}
	return "something unknown, beginning with " + quote(string(head[:min(len(head), 8)]))
}
