// Package ollama translates between bytes of Ollama's dialect and package chat,
// and does nothing else: no sockets, no clocks, no state. Facts follow Ollama's
// published documents, its client types of v0.17, and what client libraries send
// and read.
package ollama

import (
	"strings"
	"time"

	"abaton.local/api/wire"
)

// Running is the whole answer to GET /: programs look for it word for word.
const Running = "Ollama is running"

// Version is the version of Ollama whose dialect this is. Some clients refuse to
// talk to one that is too old.
const Version = "0.17.4"

// EncodeVersion gives the body of GET /api/version.
func EncodeVersion() []byte {
	return wire.Encode(struct {
		Version string `json:"version"`
	}{Version})
}

// Times are what an answer says about time. A duration of zero is left out, which
// every client that we looked at takes. They are meant to be the wall clock as the
// client of a stream has it too: until the first piece, and from then on. How long an
// engine took to load, or to read a prompt, is not told.
type Times struct {
	Created                       time.Time
	Total, Load, PromptEval, Eval time.Duration
}

// Body gives the error object of a failure. Clients look for "not found" where a
// model is unknown, and offer to fetch it.
func Body(p wire.Problem) []byte {
	if p.Code == modelNotFound && !strings.Contains(p.Message, "not found") {
		p.Message = "model not found: " + p.Message
	}
	return wire.Encode(struct {
		Error string `json:"error"`
	}{p.Message})
}

const modelNotFound = "model_not_found"

// UnknownModel tells of a model that is not here, beginning with Ollama's words.
func UnknownModel(name string) wire.Problem {
	return wire.Problem{Status: 404, Code: modelNotFound, Param: "model",
		Message: "model '" + wire.Printable(name) + "' not found. `abaton models` lists those on this machine, `abaton pull NAME` fetches one."}
}
