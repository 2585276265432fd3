package models

import (
	"crypto/sha256"
	"fmt"
	"io"
	"strings"

	"abaton.local/models/internal/gguf"
)

// headerVerdict is what passports say of a header that passed.
const headerVerdict = "passed (gguf check 1)"

// Shape is what an engine has to know of a model to make room for it. Zero
// means that the header does not say.
type Shape struct {
	Architecture  string
	ContextLength uint64 // tokens
	Layers        uint64
	Embedding     uint64 // width of a token between layers
	HeadsKV       uint64 // of the layer that has most
	KeyLen        uint64 // elements of one head's key
	ValueLen      uint64
	Vocab         uint64 // tokens
	CacheElements uint64 // keys and values of one token over all layers
	HasTemplate   bool
	Pooling       Pooling
	Recall        Recall
}

// Pooling says how a model makes one vector of a text, and so what it is for.
type Pooling uint64

// The ways that matter: with any other number a model makes embeddings.
const (
	NoPooling   Pooling = 0 // it speaks, or does not say
	RankPooling Pooling = 4 // it tells how well a text answers a query
)

// CheckHeader reads the header of a model file of size bytes, with everything
// that the engine will trust in it. See package gguf.
func CheckHeader(r io.ReaderAt, size int64) (gguf.Header, error) { return gguf.Check(r, size) }

// HeaderError says that a file is no model that the engine may see.
type HeaderError struct {
	Name   string // of the file
	Reason string
	Err    error // *gguf.Error, or nil
}

func (e *HeaderError) Error() string {
	return fmt.Sprintf("%s is not used: %s", e.Name, e.Reason)
}

func (e *HeaderError) Unwrap() error { return e.Err }

// checkModel is CheckHeader for a file that is to stand on the shelf alone.
func checkModel(name string, r io.ReaderAt, size int64) (gguf.Header, error) {
	h, err := CheckHeader(r, size)
	if err != nil {
		return h, &HeaderError{Name: name, Reason: err.Error(), Err: err}
	}
	if h.Split.Count > 1 {
		return h, &HeaderError{Name: name, Reason: fmt.Sprintf(
			"it is part %d of %d of a model in several files; its header is sound, but only whole files are kept: join the parts with llama.cpp's `llama-gguf-split --merge`, then pull the result as file:/path", h.Split.No+1, h.Split.Count)}
	}
	if h.Kind != "model" && !isEyes(h) {
		return h, &HeaderError{Name: name, Reason: fmt.Sprintf("it is an addition (%s) to a model, not a model", shown(h.Kind))}
	}
	return h, nil
}

// describe fills in what the header tells.
func (p *Passport) describe(h gguf.Header) {
	p.Architecture = h.Architecture
	p.Parameters = h.Parameters
	p.Quantisation = h.Quantisation
	p.ContextLength = h.ContextLength
	p.Template = Digest{}
	if len(h.ChatTemplate) > 0 {
		p.Template = sha256.Sum256(h.ChatTemplate)
	}
	p.Header = headerVerdict
	if p.Role == "" {
		p.Role = roleOf(h)
	}
	if p.Licence == "" {
		p.Licence = "unknown"
		if plainName.MatchString(h.License) {
			p.Licence = strings.ToLower(h.License)
		}
	}
}

// roleOf guesses by architecture: encoders make embeddings.
func roleOf(h gguf.Header) string {
	if isEyes(h) {
		return Eyes
	}
	if strings.Contains(h.Architecture, "bert") || strings.HasSuffix(h.Architecture, "-embedding") || strings.HasSuffix(h.Architecture, "encoder") {
		return "embed"
	}
	return "chat"
}

// agrees reports whether the passport tells what the header tells.
func (p Passport) agrees(h gguf.Header) bool {
	q := p
	q.describe(h)
	return p.Architecture == q.Architecture && p.Parameters == q.Parameters && p.Quantisation == q.Quantisation &&
		p.ContextLength == q.ContextLength && p.Template == q.Template
}

func shapeOf(h gguf.Header) Shape {
	return Shape{
		Architecture: h.Architecture, ContextLength: h.ContextLength, Layers: h.Blocks, Embedding: h.Embedding,
		HeadsKV: h.HeadsKV, KeyLen: h.KeyLength, ValueLen: h.ValueLength, Vocab: h.Vocab,
		CacheElements: h.CacheElements, HasTemplate: len(h.ChatTemplate) > 0, Pooling: Pooling(h.Pooling), Recall: recallOf(h),
	}
}
