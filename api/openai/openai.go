// Package openai translates between bytes of the OpenAI chat completions
// dialect and package chat, and does nothing else: no sockets, no clocks, no
// state. Facts follow OpenAI's published OpenAPI document; how failures are
// told follows what the official client libraries read.
package openai

import (
	"bytes"
	"encoding/json"
)

// encode writes v as one line of JSON without escaping <, > and &: answers are
// read by programs, and "\u003c" would triple the size of code in them.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		// Only our own types of strings and numbers come here.
		return []byte(`{"error":{"message":"internal error","type":"server_error","param":null,"code":null}}`)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
