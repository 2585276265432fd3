package anthropic

import (
	"abaton.local/chat"
	"abaton.local/engine"
)

// The types of the blocks of an answer.
const (
	thinkingBlock = "thinking"
	textBlock     = "text"
	toolUseBlock  = "tool_use"
)

// signature stands where the company's servers sign reasoning. Some client
// libraries drop a block whose signature is empty; nothing looks at it here when
// it comes back.
const signature = "abaton"

// piece is a part of one block.
type piece struct {
	block string // its type
	call  int    // of a tool_use: the engine's number of it
	id    string
	name  string
	text  string
}

// pieces takes a delta apart, in the order in which it was made.
func pieces(d engine.Delta, thoughts Thoughts) (list []piece) {
	switch {
	case d.Reasoning == "" || thoughts == NoThoughts:
	case thoughts == OmittedThoughts:
		list = append(list, piece{block: thinkingBlock})
	default:
		list = append(list, piece{block: thinkingBlock, text: d.Reasoning})
	}
	if d.Text != "" {
		list = append(list, piece{block: textBlock, text: d.Text})
	}
	for _, c := range d.Calls {
		list = append(list, piece{toolUseBlock, c.Index, c.ID, c.Name, c.Arguments})
	}
	return list
}

// stopReason is never stop_sequence: which text ended an answer, and whether one
// did, is not known outside the engine.
func stopReason(f engine.Finish) string {
	switch f {
	case engine.Length:
		return "max_tokens"
	case engine.Called:
		return "tool_use"
	}
	return "end_turn"
}

type usage struct {
	InputTokens   int `json:"input_tokens"`
	CacheCreation int `json:"cache_creation_input_tokens"`
	CacheRead     int `json:"cache_read_input_tokens"`
	OutputTokens  int `json:"output_tokens"`
}

// message is a whole answer, or the one that a stream begins with.
type message struct {
	ID           string  `json:"id"`
	Type         string  `json:"type"`
	Role         string  `json:"role"`
	Model        string  `json:"model"`
	Content      []any   `json:"content"`
	StopReason   *string `json:"stop_reason"`
	StopSequence *string `json:"stop_sequence"`
	StopDetails  *string `json:"stop_details"`
	Usage        usage   `json:"usage"`
}

func (a Answer) message(e chat.Event) message {
	return message{ID: a.ID, Type: "message", Role: "assistant", Model: e.Model, Content: []any{}}
}

type thinking struct {
	Type      string `json:"type"`
	Thinking  string `json:"thinking"`
	Signature string `json:"signature"`
}

type text struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type toolUse struct {
	Type  string `json:"type"`
	ID    string `json:"id"`
	Name  string `json:"name"`
	Input any    `json:"input"`
}
