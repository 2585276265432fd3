// Package engine is what a model hears and says. It runs upstream llama-server
// as an untrusted worker, one process per model and person, inside the jail of
// package sandbox, over a Unix socket that exists only there. Nothing is
// proxied: requests are built from typed, range-checked fields and responses
// are decoded strictly, with caps, and encoded anew by others.
package engine

import (
	"time"

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
	FromTool  Role = "tool" // what a tool gave back
)

// Message is one turn of a conversation. Its texts are valid UTF-8 without NUL.
type Message struct {
	Role      Role
	Content   string
	Images    []Image // the person's only
	Reasoning string  // of the assistant, before Content
	Calls     []Call  // of tools, by the assistant
	CallID    string  // in what a tool gave back: the call that it answers
}

// Image is a picture: as a program sent it, until [Engine.Generate] has decoded and
// encoded it anew, in the jail.
type Image struct {
	PNG []byte
}

// Tool is a function that the asking program can run. The model only names it;
// nothing of ours runs anything.
type Tool struct {
	Name        string // 1 to 64 of A-Z a-z 0-9 _ -
	Description string
	Parameters  []byte // a JSON schema under the caps of Options.JSONSchema; nil for none
}

// Call is the model's wish that a tool be run.
type Call struct {
	ID        string // made by us; a program's own, where it sends a conversation back
	Name      string
	Arguments string // a JSON object
}

// ToolChoice says whether the model must, may or may not call a tool.
type ToolChoice string

// The choices. The name of one tool is given beside MustCall in Options.OnlyTool.
const (
	MayCall  ToolChoice = "" // the model's choice
	MustCall ToolChoice = "required"
	NoCall   ToolChoice = "none"
)

// Options steer one generation. A nil or zero field leaves the engine's default.
type Options struct {
	MaxTokens        int      // 1 and up; 0 lets the model end by itself
	Temperature      *float64 // 0 to 2
	TopP             *float64 // 0 to 1
	TopK             *int     // 0 to 1000
	MinP             *float64 // 0 to 1
	TypicalP         *float64 // 0 to 1
	FrequencyPenalty *float64 // -2 to 2
	PresencePenalty  *float64 // -2 to 2
	RepeatPenalty    *float64 // 0.01 to 2; 1 for none
	RepeatLast       *int     // tokens looked back on by RepeatPenalty; -1 for the context, to 4096
	Seed             *int64   // 0 to 2^32-1
	Stop             []string // at most 16, each at most 256 bytes
	JSONSchema       []byte   // at most 64 KiB, at most 32 deep, no "pattern", not even one that RE2 takes; nil for free text
	JSONObject       bool     // any JSON object; JSONSchema wins

	Tools      []Tool // at most 128; beside LogProbs only with NoCall; beside JSONSchema an answer is calls, or what follows it
	ToolChoice ToolChoice
	OnlyTool   string // with MustCall: the one to call
	OneCall    bool   // at most one call in an answer

	LogProbs int   // 0 for none; n gives each token's log probability and the n-1 likeliest others, at most 21
	Think    *bool // whether a model that can reason first shall; nil leaves it to the model
}

// Prompt is one request to a model: a conversation, or one text that is
// continued as it stands. Of both every text is read as text alone: what spells a
// control token of the model is broken in it.
type Prompt struct {
	Person   Person
	Model    models.Digest
	Messages []Message
	Text     string // instead of Messages
	Options  Options

	ContextTokens int            // that the model shall be able to look at, at least; bounded by the model's own and by memory; 0 for the default
	LeaveRoom     bool           // refuse it as TooLong where it leaves less room for the answer than room says
	Keep          bool           // what the worker reads may be kept by Config.Keeper: the person keeps things, and their vault is open
	KeepAlive     *time.Duration // of the worker after this; 0 ends it, below 0 keeps it as long as its person's vault is open; nil for the default
}

// Finish says why an answer ended.
type Finish string

// The reasons.
const (
	Stopped Finish = "stop"       // the model ended, or a stop text was met
	Length  Finish = "length"     // MaxTokens or the context was used up
	Called  Finish = "tool_calls" // the model waits for what its calls give
)

// Usage counts tokens of one generation.
type Usage struct {
	PromptTokens, AnswerTokens int
}

// Delta is a piece of an answer. The last one has Finish and Usage set and may
// have no text. Which of the texts are set together is the model's affair; where
// several are, reasoning came before text and text before calls.
type Delta struct {
	Text      string
	Reasoning string
	Calls     []CallDelta
	LogProbs  []LogProb // of the tokens of Text, where they were asked for; of a character in several tokens that of the last
	Finish    Finish
	Usage     Usage
}

// CallDelta is a piece of a call. The first one of an index has ID and Name, and
// the arguments of all together are one JSON object, but for an answer whose
// Finish is Length: it can end in the middle of them.
type CallDelta struct {
	Index     int // of the call in this answer, from 0
	ID, Name  string
	Arguments string
}

// LogProb is how likely a token was, and others in its place.
type LogProb struct {
	Token string // may be a part of a character: see Bytes
	Bytes []byte
	Value float64 // natural logarithm of the probability; at least -9999
	Top   []LogProb
}
