package openai

import (
	"strings"
	"time"

	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
)

// Answer is what every chunk of one answer carries.
type Answer struct {
	ID      string // "chatcmpl-…"
	Created time.Time
}

type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

func usageOf(u engine.Usage) *usage {
	return &usage{u.PromptTokens, u.AnswerTokens, u.PromptTokens + u.AnswerTokens}
}

type completion struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Created int64    `json:"created"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   *usage   `json:"usage"`
}

type choice struct {
	Index        int           `json:"index"`
	Message      message       `json:"message"`
	LogProbs     *struct{}     `json:"logprobs"`
	FinishReason engine.Finish `json:"finish_reason"`
}

type message struct {
	Role    string  `json:"role"`
	Content string  `json:"content"`
	Refusal *string `json:"refusal"`
}

// Whole collects events into one answer, for requests that do not stream.
type Whole struct {
	text strings.Builder
	last chat.Event
}

// Add takes the next event.
func (w *Whole) Add(e chat.Event) {
	w.text.WriteString(e.Text)
	w.last = e
}

// Len is the size of the text so far, in bytes.
func (w *Whole) Len() int { return w.text.Len() }

// Encode gives the JSON body of the whole answer.
func (w *Whole) Encode(a Answer) []byte {
	return wire.Encode(completion{
		ID: a.ID, Object: "chat.completion", Created: a.Created.Unix(), Model: w.last.Model,
		Choices: []choice{{Message: message{Role: "assistant", Content: w.text.String()}, FinishReason: w.last.Finish}},
		Usage:   usageOf(w.last.Usage),
	})
}
