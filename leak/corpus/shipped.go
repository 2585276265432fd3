package corpus

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
)

// Recordings are answers of a small model, which wrote them under our own
// prompts. They are what the harness replays where nobody records anew.
//
//go:embed recordings
var recorded embed.FS

// NotShippedError says that there are no recordings of a set.
type NotShippedError struct{ Set string }

func (e *NotShippedError) Error() string {
	return fmt.Sprintf("this program holds no recordings of the prompts %q. Record them first.", e.Set)
}

// Shipped are the recordings of a set that came with the program. Each is of one
// of the set's prompts.
func Shipped(set string) (About, []Recording, error) {
	text, err := shippedFile(set)
	if err != nil {
		return About{}, nil, err
	}
	about, recordings, err := Read(bytes.NewReader(text))
	if err != nil {
		return About{}, nil, fmt.Errorf("the recordings of the prompts %q: %w", set, err)
	}
	known := make(map[string]bool)
	for _, p := range Prompts(set) {
		known[p.ID] = true
	}
	for _, r := range recordings {
		if !known[r.Prompt] {
			return About{}, nil, fmt.Errorf("the recordings of the prompts %q: there is no prompt %s", set, r.Prompt)
		}
	}
	return about, recordings, nil
}

// Digest names a set's prompts and shipped recordings by what they hold.
func Digest(set string) (string, error) {
	recordings, err := shippedFile(set)
	if err != nil {
		return "", err
	}
	prompts, err := fs.ReadFile(files, "prompts/"+set+".txt")
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, part := range [][]byte{prompts, []byte(judge), recordings} {
		sum := sha256.Sum256(part)
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func shippedFile(set string) ([]byte, error) {
	if !slices.Contains(Sets(), set) {
		return nil, &NotShippedError{set}
	}
	text, err := fs.ReadFile(recorded, "recordings/"+set+".jsonl.gz")
	if err != nil {
		return nil, &NotShippedError{set}
	}
	return text, nil
}
