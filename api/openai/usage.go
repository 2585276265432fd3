package openai

import "abaton.local/engine"

type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

func usageOf(u engine.Usage) *usage {
	return &usage{u.PromptTokens, u.AnswerTokens, u.PromptTokens + u.AnswerTokens}
}
