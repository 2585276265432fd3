package openai

import "abaton.local/api/wire"

// Endpoint is one of those that take a body; several may be or-ed.
type Endpoint int

// The endpoints.
const (
	Chat Endpoint = 1 << iota
	Completions
	Responses
	Embeddings
	Rerank
	texts = Chat | Completions | Responses
	all   = texts | Embeddings | Rerank
)

// Hint is a parameter that is taken and has no effect.
type Hint struct {
	In     Endpoint
	Kind   wire.Kind // empty for any
	Forged bool      // it would reach into an engine's cache or slots
	Why    string    // it may be taken
}

// Hints are all of them; the documentation is made from this table.
var Hints = map[string]Hint{
	"user":                   {In: all, Kind: wire.String, Why: "names the end user to a company; here the credential says who asks"},
	"safety_identifier":      {In: texts, Kind: wire.String, Why: "names the end user to a company; here the credential says who asks"},
	"prompt_cache_key":       {In: texts, Kind: wire.String, Why: "tunes a company's cache; what is kept here is each person's own"},
	"prompt_cache_retention": {In: texts, Kind: wire.String, Why: "tunes a company's cache; what is kept here is each person's own"},
	"service_tier":           {In: texts, Kind: wire.String, Why: "chooses a price class"},
	"metadata":               {In: Chat, Kind: wire.Object, Why: "labels for a company's dashboard"},
	"max_tool_calls":         {In: Responses, Kind: wire.Number, Why: "bounds tools that the server itself runs; here there are none"},
	"reasoning_format":       {In: Chat, Kind: wire.String, Why: "reasoning always comes as reasoning_content"},
	"timings_per_token":      {In: Chat | Completions | Responses, Kind: wire.Bool, Why: "asks for figures beside the text, which are not sent"},
	"return_progress":        {In: Chat | Completions | Responses, Kind: wire.Bool, Why: "asks for figures beside the text, which are not sent"},
	"max_chunks_per_doc":     {In: Rerank, Kind: wire.Number, Why: "documents are never cut into pieces"},

	"id_slot":       {In: texts, Forged: true, Why: slots},
	"slot_id":       {In: texts, Forged: true, Why: slots},
	"cache_prompt":  {In: texts, Forged: true, Why: slots},
	"cache_salt":    {In: texts, Forged: true, Why: slots},
	"n_cache_reuse": {In: texts, Forged: true, Why: slots},
}

const slots = "where a prompt is worked on, and what is kept of it, is never the client's to say"

// refusal says what a parameter asks for that is not there.
type refusal struct {
	in      Endpoint
	because string
}

// refused are parameters of the dialect that are not served. Each is allowed
// where it says nothing: null, an empty list or an empty object.
var refused = map[string]refusal{
	"audio":                {Chat, "models here neither hear nor speak."},
	"logit_bias":           {Chat | Completions, "single tokens cannot be made likelier."},
	"prediction":           {Chat, "predicted outputs are not part of Abaton."},
	"web_search_options":   {Chat, "nothing here reaches the Internet."},
	"moderation":           {Chat | Responses, "moderation is not part of Abaton."},
	"prompt_cache_options": {Chat | Responses, "what is kept of a prompt cannot be steered."},
	"library":              {Completions | Embeddings | Rerank, "documents are read at chat/completions and responses."},
	"suffix":               {Completions, "text cannot be filled into a gap."},
	"conversation":         {Responses, "conversations are not kept for programs. Send previous_response_id, or the messages themselves."},
	"context_management":   {Responses, "conversations are not compacted. Use truncation."},
	"prompt":               {Responses, "prompt templates are not kept here. Send instructions and input."},

	// Common beside llama-server and vLLM.
	"grammar":            {Chat | Completions, "an answer's form is given by response_format."},
	"json_schema":        {Chat | Completions, "an answer's form is given by response_format."},
	"guided_json":        {Chat | Completions, "an answer's form is given by response_format."},
	"guided_regex":       {Chat | Completions, "an answer's form is given by response_format."},
	"guided_choice":      {Chat | Completions, "an answer's form is given by response_format."},
	"guided_grammar":     {Chat | Completions, "an answer's form is given by response_format."},
	"mirostat":           {Chat | Completions, "this way of choosing tokens is not offered."},
	"samplers":           {Chat | Completions, "the order in which tokens are sifted is fixed."},
	"structured_outputs": {Chat | Completions, "an answer's form is given by response_format."},
	"ignore_eos":         {Chat | Completions, "the model's end is its end."},
	"min_tokens":         {Chat | Completions, "an answer has no least length."},
	"stop_token_ids":     {Chat | Completions, "tokens have no numbers here. Use stop."},
	"prompt_embeds":      {Completions, "a prompt is a text."},
	"lora":               {Chat | Completions, "adapters are not part of Abaton."},
}
