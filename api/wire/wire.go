// Package wire is what all dialects share: a reader of JSON that is stricter than
// any of them, and failures in words that each dialect puts into its own.
package wire

import (
	"bytes"
	"encoding/json"
)

// Encode writes v as one line of JSON without escaping <, > and &: answers are
// read by programs, and "\u003c" would triple the size of code in them. Only our
// own types of texts and numbers come here, so an error is a mistake of ours.
func Encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return []byte(`{"error":"internal error"}`)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
