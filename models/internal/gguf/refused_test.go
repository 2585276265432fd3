package gguf

import (
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"unicode"
)

// TestHostile refuses every hostile file with a reason that names the field
// and can be printed.
func TestHostile(t *testing.T) {
	all, names := hostiles(), map[string]bool{}
	if len(all) < 60 {
		t.Fatalf("only %d hostile files", len(all))
	}
	for _, h := range all {
		if names[h.name] {
			t.Errorf("two cases are named %q", h.name)
		}
		names[h.name] = true
		t.Run(h.name, func(t *testing.T) {
			f := sound()
			h.change(f)
			wantRefusal(t, f.Bytes(), h.field)
		})
	}
}

func wantRefusal(t *testing.T, b []byte, field string) {
	t.Helper()
	got, err := examine(b)
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("not refused: %v", err)
	}
	if e.Field != field {
		t.Errorf("refused for %q (%v), want %q", e.Field, err, field)
	}
	if got.Architecture != "" || got.TensorCount != 0 || got.ChatTemplate != nil {
		t.Error("a refused header says something")
	}
	text := err.Error()
	if len(text) > 400 || strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) }) {
		t.Errorf("not fit to print: %q", text)
	}
	if !strings.Contains(text, e.Field) || e.Reason == "" {
		t.Errorf("says too little: %q", text)
	}
}

// TestCutAnywhere cuts a sound file at every byte.
func TestCutAnywhere(t *testing.T) {
	b := sound().Bytes()
	for n := range len(b) - 32 { // the last padding may be missing
		if _, err := examine(b[:n]); err == nil {
			t.Fatalf("accepted when cut to %d of %d bytes", n, len(b))
		} else if _, ok := errors.AsType[*Error](err); !ok {
			t.Fatalf("cut to %d: %v", n, err)
		}
	}
}

// TestForeign names what a file is that is no GGUF.
func TestForeign(t *testing.T) {
	tar := make([]byte, 600)
	copy(tar, "model.gguf")
	copy(tar[257:], "ustar")
	for name, c := range map[string]struct{ text, says string }{
		"pickle 2":         {"\x80\x02}q\x00", "pickle"},
		"pickle 4":         {"\x80\x04\x95", "pickle"},
		"PyTorch":          {"PK\x03\x04\x00\x00archive/data.pkl", "zip"},
		"safetensors":      {"\x40\x00\x00\x00\x00\x00\x00\x00{\"__metadata__\":{}}", "safetensors"},
		"HDF5":             {"\x89HDF\r\n\x1a\n", "HDF5"},
		"NumPy":            {"\x93NUMPY\x01\x00", "NumPy"},
		"ELF":              {"\x7fELF\x02\x01\x01", "program for Linux"},
		"PE":               {"MZ\x90\x00", "Windows"},
		"script":           {"#!/bin/sh\n", "script"},
		"gzip":             {"\x1f\x8b\x08", "gzip"},
		"zstd":             {"\x28\xb5\x2f\xfd\x04", "zstd"},
		"xz":               {"\xfd7zXZ\x00\x00", "xz"},
		"tar":              {string(tar), "tar"},
		"page":             {"\n<!DOCTYPE html><html>", "web page"},
		"page 2":           {"<HTML><head>", "web page"},
		"XML":              {"<?xml version=\"1.0\"?><Error>", "XML"},
		"JSON":             {`{"error":"Repository not found"}`, "JSON"},
		"LFS":              {"version https://git-lfs.github.com/spec/v1\noid sha256:", "Git LFS pointer"},
		"GGML":             {"lmgg\x00\x7d", "GGML"},
		"GGJT":             {"tjgg\x03\x00", "GGJT"},
		"swapped":          {"FUGG\x00\x00\x00\x03", "swapped"},
		"TFLite":           {"\x1c\x00\x00\x00TFL3", "TensorFlow"},
		"PDF":              {"%PDF-1.7", "PDF"},
		"nothing":          {"", "empty"},
		"zeros":            {strings.Repeat("\x00", 5000), "zeros"},
		"one byte":         {"G", "unknown"},
		"cut magic":        {"GGU", "unknown"},
		"small letters":    {"gguf\x03\x00\x00\x00", "unknown"},
		"control sequence": {"\x1b]0;title\x07", "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			wantRefusal(t, []byte(c.text), "magic")
			if _, err := examine([]byte(c.text)); !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want it to say %q", err, c.says)
			}
		})
	}
}

// torn gives size bytes less than it should, or an error of its own.
type torn struct {
	io.ReaderAt
	end int64
	err error
}

func (r torn) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) <= r.end {
		return r.ReaderAt.ReadAt(p, off)
	}
	n, _ := r.ReaderAt.ReadAt(p[:max(0, r.end-off)], off)
	return n, r.err
}

// TestReader tells a file that lies from a disk that fails.
func TestReader(t *testing.T) {
	b := sound().Bytes()
	whole := strings.NewReader(string(b))
	_, err := Check(torn{whole, 300, io.EOF}, int64(len(b)))
	if e, ok := errors.AsType[*Error](err); !ok || e.Field != "file" {
		t.Errorf("file that shrinks: %v", err)
	}
	broken := errors.New("input/output error")
	_, err = Check(torn{whole, 300, broken}, int64(len(b)))
	if _, ok := errors.AsType[*Error](err); ok || !errors.Is(err, broken) {
		t.Errorf("disk that fails: %v", err)
	}
	for _, size := range []int64{0, -1, math.MinInt64} {
		if _, err := Check(whole, size); err == nil {
			t.Errorf("accepted with size %d", size)
		}
	}
	if _, err := Check(whole, math.MaxInt64); err == nil {
		t.Error("accepted with a size that it has not")
	}
}
