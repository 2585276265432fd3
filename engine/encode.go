package engine

import "encoding/json"

// chatRequest is the body of POST /v1/chat/completions: every field that we
// ever send, and no way to send another. What llama-server b11434 would take
// besides (its server-schema.cpp knows 74 fields) stays out, above all
// chat_parser, grammar, n_discard, lora, samplers and logit_bias.
type chatRequest struct {
	Messages         []chatMessage   `json:"messages"`
	Stream           bool            `json:"stream"`
	StreamOptions    streamOptions   `json:"stream_options"`
	ReturnProgress   bool            `json:"return_progress"` // a sign of life after each batch of the prompt
	Slot             int             `json:"id_slot"`
	CachePrompt      bool            `json:"cache_prompt"`
	Continue         bool            `json:"continue_final_message,omitempty"`
	GenerationMark   *bool           `json:"add_generation_prompt,omitempty"`
	MaxTokens        int             `json:"max_tokens,omitempty"`
	Temperature      *float64        `json:"temperature,omitempty"`
	TopP             *float64        `json:"top_p,omitempty"`
	TopK             *int            `json:"top_k,omitempty"`
	MinP             *float64        `json:"min_p,omitempty"`
	FrequencyPenalty *float64        `json:"frequency_penalty,omitempty"`
	PresencePenalty  *float64        `json:"presence_penalty,omitempty"`
	Seed             *int64          `json:"seed,omitempty"`
	Stop             []string        `json:"stop,omitempty"`
	ResponseFormat   *responseFormat `json:"response_format,omitempty"`
}

type chatMessage struct {
	Role    Role   `json:"role"`
	Content string `json:"content"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type responseFormat struct {
	Type   string      `json:"type"`
	Schema *jsonSchema `json:"json_schema,omitempty"`
}

type jsonSchema struct {
	Schema json.RawMessage `json:"schema"` // its order of properties is the order of the answer
}

// encodeChat builds the body for a checked prompt.
func encodeChat(messages []Message, o Options) ([]byte, error) {
	r := chatRequest{
		Messages: make([]chatMessage, len(messages)), Stream: true, StreamOptions: streamOptions{IncludeUsage: true},
		ReturnProgress: true, CachePrompt: true,
		MaxTokens: o.MaxTokens, Temperature: o.Temperature, TopP: o.TopP, TopK: o.TopK, MinP: o.MinP,
		FrequencyPenalty: o.FrequencyPenalty, PresencePenalty: o.PresencePenalty, Seed: o.Seed, Stop: o.Stop,
	}
	for i, m := range messages {
		r.Messages[i] = chatMessage{m.Role, m.Content}
	}
	if messages[len(messages)-1].Role == Assistant {
		// Go on where the last answer ends, and give only what is new.
		r.Continue, r.GenerationMark = true, new(false)
	}
	switch {
	case o.JSONSchema != nil:
		r.ResponseFormat = &responseFormat{Type: "json_schema", Schema: &jsonSchema{Schema: o.JSONSchema}}
	case o.JSONObject:
		r.ResponseFormat = &responseFormat{Type: "json_object"}
	}
	return json.Marshal(r)
}
