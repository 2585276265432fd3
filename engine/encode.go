package engine

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
)

// request is what a conversation and a text to be continued have in common: with
// chatRequest and textRequest every field that we ever send, and no way to send
// another. What llama-server b11434 would take besides (its server-schema.cpp
// knows 74 fields) stays out, above all chat_parser, grammar, n_discard, lora,
// samplers and logit_bias.
type request struct {
	Stream           bool          `json:"stream"`
	StreamOptions    streamOptions `json:"stream_options"`
	ReturnProgress   bool          `json:"return_progress"` // a sign of life after each batch of the prompt
	Slot             int           `json:"id_slot"`
	CachePrompt      bool          `json:"cache_prompt"`
	MaxTokens        int           `json:"max_tokens,omitempty"`
	Temperature      *float64      `json:"temperature,omitempty"`
	TopP             *float64      `json:"top_p,omitempty"`
	TopK             *int          `json:"top_k,omitempty"`
	MinP             *float64      `json:"min_p,omitempty"`
	TypicalP         *float64      `json:"typical_p,omitempty"`
	FrequencyPenalty *float64      `json:"frequency_penalty,omitempty"`
	PresencePenalty  *float64      `json:"presence_penalty,omitempty"`
	RepeatPenalty    *float64      `json:"repeat_penalty,omitempty"`
	RepeatLast       *int          `json:"repeat_last_n,omitempty"`
	Seed             *int64        `json:"seed,omitempty"`
	Stop             []string      `json:"stop,omitempty"`
	Probs            int           `json:"n_probs,omitempty"`
}

// chatRequest is the body of POST /v1/chat/completions and /apply-template.
type chatRequest struct {
	request
	Messages        []chatMessage   `json:"messages"`
	Continue        bool            `json:"continue_final_message,omitempty"`
	GenerationMark  *bool           `json:"add_generation_prompt,omitempty"`
	ResponseFormat  *responseFormat `json:"response_format,omitempty"`
	Tools           []chatTool      `json:"tools,omitempty"`
	ToolChoice      string          `json:"tool_choice,omitempty"`
	Parallel        *bool           `json:"parallel_tool_calls,omitempty"`
	ReasoningFormat string          `json:"reasoning_format"`
	TemplateWords   *templateWords  `json:"chat_template_kwargs,omitempty"`
}

// textRequest is the body of POST /v1/completions.
type textRequest struct {
	request
	Prompt string      `json:"prompt"`
	Schema *jsonObject `json:"json_schema,omitempty"`
}

// jsonObject is a schema, or where there is none the one of any object.
type jsonObject struct{ schema json.RawMessage }

func (o jsonObject) MarshalJSON() ([]byte, error) {
	if o.schema == nil {
		return []byte(`{"type":"object"}`), nil
	}
	return o.schema, nil
}

// templateWords are the only variables of a template that we ever set.
type templateWords struct {
	Think bool `json:"enable_thinking"`
}

type chatMessage struct {
	Role      Role       `json:"role"`
	Content   content    `json:"content"`
	Reasoning string     `json:"reasoning_content,omitempty"`
	Calls     []chatCall `json:"tool_calls,omitempty"`
	Name      string     `json:"name,omitempty"` // of the tool that a result is of
	CallID    string     `json:"tool_call_id,omitempty"`
}

type chatCall struct {
	ID       string       `json:"id"`
	Type     string       `json:"type"`
	Function chatFunction `json:"function"`
}

type chatFunction struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type chatTool struct {
	Type     string          `json:"type"`
	Function chatDescription `json:"function"`
}

type chatDescription struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
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

// steering is where a question goes in the engine: to which slot, and whether all
// of it must be read anew there. No request of anybody can say so.
type steering struct {
	slot int
	anew bool
}

func newRequest(o Options, to steering) request {
	r := request{
		Stream: true, StreamOptions: streamOptions{IncludeUsage: true}, ReturnProgress: true, Slot: to.slot, CachePrompt: !to.anew,
		MaxTokens: o.MaxTokens, Temperature: o.Temperature, TopP: o.TopP, TopK: o.TopK, MinP: o.MinP, TypicalP: o.TypicalP,
		FrequencyPenalty: o.FrequencyPenalty, PresencePenalty: o.PresencePenalty,
		RepeatPenalty: o.RepeatPenalty, RepeatLast: o.RepeatLast, Seed: o.Seed, Stop: o.Stop,
	}
	if o.LogProbs > 0 {
		r.Probs = max(1, o.LogProbs-1)
	}
	return r
}

// encodeChat builds the body for the conversation of a checked prompt.
func encodeChat(messages []Message, o Options, to steering) ([]byte, error) {
	r := chatRequest{request: newRequest(o, to), Messages: make([]chatMessage, len(messages)), ReasoningFormat: "deepseek"}
	names := map[string]string{} // of tools, by call
	for i, m := range messages {
		c := chatMessage{Role: m.Role, Content: content{m.Content, m.Images}, Reasoning: m.Reasoning}
		if m.Role == FromTool {
			c.CallID, c.Name = callID(m.CallID), names[m.CallID]
		}
		for _, call := range m.Calls {
			names[call.ID] = call.Name
			c.Calls = append(c.Calls, chatCall{callID(call.ID), "function", chatFunction{call.Name, call.Arguments}})
		}
		r.Messages[i] = c
	}
	if last := messages[len(messages)-1]; last.Role == Assistant {
		// Go on where the last answer ends, and give only what is new.
		r.Continue, r.GenerationMark = true, new(false)
	}
	switch {
	case o.JSONSchema != nil:
		r.ResponseFormat = &responseFormat{Type: "json_schema", Schema: &jsonSchema{Schema: o.JSONSchema}}
	case o.JSONObject:
		r.ResponseFormat = &responseFormat{Type: "json_object"}
	}
	if o.Think != nil {
		r.TemplateWords = &templateWords{*o.Think}
	}
	r.tools(o)
	return json.Marshal(r)
}

// shaping are the options that can change the prompt itself.
func shaping(o Options) Options {
	return Options{Tools: o.Tools, ToolChoice: o.ToolChoice, OnlyTool: o.OnlyTool, OneCall: o.OneCall, Think: o.Think, JSONSchema: o.JSONSchema, JSONObject: o.JSONObject}
}

// tools adds what may be called. The engine takes no name of one tool to be
// called (it would read it as "auto"), so then it learns of no other.
func (r *chatRequest) tools(o Options) {
	for _, t := range o.Tools {
		if o.OnlyTool != "" && t.Name != o.OnlyTool {
			continue
		}
		parameters := t.Parameters
		if parameters == nil {
			parameters = []byte(`{"type":"object","properties":{}}`)
		}
		r.Tools = append(r.Tools, chatTool{"function", chatDescription{t.Name, t.Description, parameters}})
	}
	if len(r.Tools) == 0 {
		return
	}
	if r.ToolChoice = string(o.ToolChoice); o.ToolChoice == MayCall {
		r.ToolChoice = "auto"
	}
	if o.OneCall {
		r.Parallel = new(false)
	}
}

// encodeText builds the body for a text that is continued as it stands.
func encodeText(text string, o Options, to steering) ([]byte, error) {
	r := textRequest{request: newRequest(o, to), Prompt: text}
	switch {
	case o.JSONSchema != nil:
		r.Schema = &jsonObject{o.JSONSchema}
	case o.JSONObject:
		r.Schema = &jsonObject{}
	}
	return json.Marshal(r)
}

// callIDLength is how long names of calls are: nine letters and digits, the one
// form that every template takes.
const callIDLength = 9

// callID gives the engine's name of a call, by the digest of the program's. So
// nothing that a program chose stands in a prompt there.
func callID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return base32.StdEncoding.EncodeToString(sum[:])[:callIDLength]
}
