package gguf

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// realModels lists the GGUF files below the folder that ABATON_CHECK_MODELS
// names, whatever they are called: a shelf names files by digest.
func realModels(t testing.TB) []string {
	t.Helper()
	folder := os.Getenv("ABATON_CHECK_MODELS")
	if folder == "" {
		t.Fatal("no real models: run `make check`, which sets ABATON_CHECK_MODELS")
	}
	var found []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		magic := make([]byte, 4)
		if _, err := io.ReadFull(f, magic); err == nil && string(magic) == "GGUF" {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		t.Fatalf("no GGUF file below %s (ABATON_CHECK_MODELS)", folder)
	}
	return found
}

// TestRealModels accepts real models, and reads them as the reference does.
func TestRealModels(t *testing.T) {
	for _, path := range realModels(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			h, err := Check(f, info.Size())
			if err != nil {
				t.Fatal(err)
			}
			head := make([]byte, min(h.DataOffset, info.Size())) // a bare vocabulary may end before its padding
			if _, err := io.ReadFull(f, head); err != nil {
				t.Fatal(err)
			}
			ref, err := reference(head)
			if err != nil {
				t.Fatalf("the reference reader: %v", err)
			}
			say := func(format string, a ...any) { t.Errorf(format, a...) }
			c := &checker{in: newStream(f, info.Size()), alignment: defaultAlignment}
			for _, step := range []func() error{c.start, c.readPairs, c.judgePairs} {
				if err := step(); err != nil {
					t.Fatal(err)
				}
			}
			for _, p := range ref.pairs {
				comparePair(c, p, say)
			}
			compareTensors(c, h, ref, info.Size(), say)
			compareHeader(h, ref, say)
			t.Logf("%s %s, %d parameters, %s, %d tokens, header %d bytes", h.Architecture, h.Name, h.Parameters, h.Quantisation, h.Vocab, h.HeaderBytes)

			// A real model that was cut, appended to or bent is refused as well.
			if _, err := Check(f, info.Size()-4097); h.TensorCount > 0 && err == nil {
				t.Error("accepted when cut short")
			}
			longer := io.NewSectionReader(&spliced{f, info.Size()}, 0, info.Size()+8192)
			if _, err := Check(longer, longer.Size()); err == nil {
				t.Error("accepted with 8192 bytes behind its data")
			}
			for _, end := range []int64{4, 23, 100, h.HeaderBytes / 2, h.HeaderBytes - 1} {
				if _, err := Check(bytes.NewReader(head[:end]), end); err == nil {
					t.Errorf("accepted when cut to %d bytes", end)
				}
			}
		})
	}
}

// spliced continues a file with zeros.
type spliced struct {
	io.ReaderAt
	size int64
}

func (s *spliced) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off < s.size {
		var err error
		if n, err = s.ReaderAt.ReadAt(p[:min(int64(len(p)), s.size-off)], off); err != nil {
			return n, err
		}
	}
	clear(p[n:])
	return len(p), nil
}
