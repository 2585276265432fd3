// Package openai translates between bytes of the OpenAI dialect and package
// chat, and does nothing else: no sockets, no clocks, no ids of its own, no
// state. It knows chat completions, completions, responses, embeddings, models,
// and the rerank endpoint that local servers have made common. Facts follow
// OpenAI's published OpenAPI document; how failures are told follows what the
// official client libraries read.
package openai

import (
	"time"

	"abaton.local/api/wire"
	"abaton.local/chat"
)

// Answer is what every piece of one answer carries. The id of a response is
// also where the ids of its items come from.
type Answer struct {
	ID      string // "chatcmpl-…", "cmpl-…" or "resp_…"
	Created time.Time
	System  func(model string) string // names what answers; nil, or empty, for nothing

	model, system string // the name that was asked for last
}

// fingerprint names program, engine and model, in completions.
func (a *Answer) fingerprint(model string) string {
	if a.System != nil && a.model != model {
		a.model, a.system = model, a.System(model)
	}
	return a.system
}

// Request is what all requests for text have in common.
type Request struct {
	Ask      chat.Ask       // without its pictures
	Pictures []wire.Picture // to be decoded and put into Ask.Messages
	Stream   bool
	Store    bool   // only where the client asked for it by name
	Forged   bool   // a field was sent that steers an engine's cache or slots; it was left out
	Shape    string // how the stream shall be shaped, in stream_options.abaton_shape; empty for the server's own
	Pad      *bool  // stream_options.include_obfuscation; nil where it was not said

	Libraries []string // names of the person's libraries in which the answer looks; none: it reads no document
	Results   bool     // the passages are to be told

	IncludeUsage bool // a last chunk with the usage, in a stream
	Legacy       bool // functions instead of tools: a call is told as function_call
}
