package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"

	"abaton.local/leak/corpus"
)

// leakCorpus is what is played.
type leakCorpus struct {
	about      corpus.About
	prompts    []corpus.Prompt
	recordings []corpus.Recording
	digest     string
}

// loadCorpus reads the answers that came with the program, or those in a file.
func loadCorpus(path string) (c leakCorpus, err error) {
	c.prompts = corpus.Prompts(corpus.Topics)
	if path == "" {
		if c.about, c.recordings, err = corpus.Shipped(corpus.Topics); err != nil {
			return c, err
		}
		c.digest, err = corpus.Digest(corpus.Topics)
		return c, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	sum := sha256.Sum256(text)
	c.digest = hex.EncodeToString(sum[:])
	c.about, c.recordings, err = corpus.Read(bytes.NewReader(text))
	return c, err
}
