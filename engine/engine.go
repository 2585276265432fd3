// Package engine is what a model hears and says. It runs upstream llama-server
// as an untrusted worker, one process per model and person, inside the jail of
// package sandbox, over a Unix socket that exists only there. Nothing is
// proxied: requests are built from typed, range-checked fields and responses
// are decoded strictly, with caps, and encoded anew by others.
package engine

import (
	"abaton.local/models"
)

// Person names a security context: tokens of two persons never meet in one
// worker process.
type Person string

// Role says who speaks in a message.
type Role string

// The roles a prompt may hold.
const (
	System    Role = "system"
	User      Role = "user"
	Assistant Role = "assistant"
)

// Message is one turn of a conversation: valid UTF-8 without NUL.
type Message struct {
	Role    Role
	Content string
}

// Options steer one generation. A nil or zero field leaves the engine's default.
type Options struct {
	MaxTokens        int      // 1 and up; 0 lets the model end by itself
	Temperature      *float64 // 0 to 2
	TopP             *float64 // 0 to 1
	TopK             *int     // 0 to 1000
	MinP             *float64 // 0 to 1
	FrequencyPenalty *float64 // -2 to 2
	PresencePenalty  *float64 // -2 to 2
	Seed             *int64   // 0 to 2^32-1
	Stop             []string // at most 16, each at most 256 bytes
	JSONSchema       []byte   // at most 64 KiB, at most 32 deep, no "pattern"; nil for free text
	JSONObject       bool     // any JSON object; JSONSchema wins
}

// Prompt is one request to a model.
type Prompt struct {
	Person   Person
	Model    models.Digest
	Messages []Message
	Options  Options
}

// Finish says why an answer ended.
type Finish string

// The reasons.
const (
	Stopped Finish = "stop"   // the model ended, or a stop text was met
	Length  Finish = "length" // MaxTokens or the context was used up
)

// Usage counts tokens of one generation.
type Usage struct {
	PromptTokens, AnswerTokens int
}

// Delta is a piece of an answer. The last one has Finish and Usage set and may
// have no text.
type Delta struct {
	Text   string
	Finish Finish
	Usage  Usage
}
