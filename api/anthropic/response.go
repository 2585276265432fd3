package anthropic

import (
	"encoding/json"
	"strings"

	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
)

// Whole collects events into one answer, for requests that do not stream.
type Whole struct {
	answer   Answer
	thoughts Thoughts
	blocks   []*block
	size     int
	last     chat.Event
}

type block struct {
	piece
	text strings.Builder
}

// NewWhole starts an answer to a request that wants to see these thoughts.
func NewWhole(a Answer, t Thoughts) *Whole { return &Whole{answer: a, thoughts: t} }

// Add takes the next event.
func (w *Whole) Add(e chat.Event) {
	for _, p := range pieces(e.Delta, w.thoughts) {
		b := w.block(p)
		b.text.WriteString(p.text)
		w.size += len(p.text)
	}
	w.last = e
}

// block gives the block that a piece belongs to: a call's own, or the last one
// if it is of that type.
func (w *Whole) block(p piece) *block {
	if n := len(w.blocks); p.block != toolUseBlock && n > 0 && w.blocks[n-1].block == p.block {
		return w.blocks[n-1]
	}
	for _, b := range w.blocks {
		if p.block == toolUseBlock && b.block == toolUseBlock && b.call == p.call {
			return b
		}
	}
	b := &block{piece: p}
	w.blocks = append(w.blocks, b)
	w.size += len(p.id) + len(p.name)
	return b
}

// Len is the size of what was collected so far, in bytes.
func (w *Whole) Len() int { return w.size }

// Encode gives the JSON body of the whole answer.
func (w *Whole) Encode() []byte {
	m := w.answer.message(w.last)
	said := false
	for _, b := range w.blocks {
		said = said || b.block != thinkingBlock
		m.Content = append(m.Content, b.encode())
	}
	if !said { // programs take the first block of an answer without a look
		m.Content = append(m.Content, text{textBlock, ""})
	}
	m.StopReason = new(stopReason(w.last.Finish))
	m.Usage = usageOf(w.last.Usage)
	return wire.Encode(m)
}

func (b *block) encode() any {
	switch s := b.text.String(); b.block {
	case thinkingBlock:
		return thinking{thinkingBlock, s, signature}
	case toolUseBlock:
		// The arguments of a call that max_tokens cut off are no object.
		input := json.RawMessage("{}")
		if json.Valid([]byte(s)) && strings.HasPrefix(strings.TrimLeft(s, " \t\r\n"), "{") {
			input = json.RawMessage(s)
		}
		return toolUse{toolUseBlock, b.id, b.name, input}
	default:
		return text{textBlock, s}
	}
}

func usageOf(u engine.Usage) usage {
	return usage{InputTokens: u.PromptTokens, OutputTokens: u.AnswerTokens}
}
