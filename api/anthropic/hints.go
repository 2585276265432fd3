package anthropic

import "abaton.local/api/wire"

// Hints are what is taken and changes no answer, by place in the request, with
// the reason. Documentation is made from them.
var Hints = map[string]string{
	"cache_control":                      "anywhere: tunes a company's prompt cache; here a person's own works by itself",
	"metadata":                           "names the user to a company",
	"service_tier":                       "chooses a company's price class",
	"speed":                              "chooses a company's price class",
	"inference_geo":                      "chooses a company's region; here the answer is made on this machine",
	"diagnostics":                        "asks about a company's prompt cache",
	"output_config.effort":               "tunes models that know of effort",
	"thinking.budget_tokens":             "thinking ends by itself, or with max_tokens",
	"tools[].strict":                     "arguments follow a tool's schema anyway",
	"tools[].eager_input_streaming":      "arguments are streamed as they come",
	"tools[].defer_loading":              "all tools are shown to the model at once",
	"messages[].content[].signature":     "of thinking: nothing is signed here",
	"redacted_thinking":                  "a block that only the company which made it can read; it is left out",
	"system: x-anthropic-billing-header": "a text of one line that begins so is an agent's note to a company, new in every request; it is left out",
	"anthropic-beta":                     "a header: what a beta changes is asked for by fields, and those are taken or refused by name",
}

// hints are those among the parameters of a request.
var hints = map[string]wire.Kind{
	"metadata": wire.Object, "service_tier": wire.String, "speed": wire.String, "inference_geo": wire.String, "diagnostics": wire.Object,
}

// forged are parameters of engines and of other servers by which a caller could
// name a cache or a slot. They are stripped, and the request says so.
var forged = []string{"id_slot", "slot_id", "cache_prompt", "cache_salt", "n_cache_reuse"}

// refused are parameters of the dialect that we do not serve. Each is allowed
// where it says nothing: null, an empty list or an empty object.
var refused = map[string]string{
	"library":               "Abaton reads documents at /v1/chat/completions and /v1/responses",
	"container":             "Abaton runs no code for a model",
	"mcp_servers":           "Abaton asks no other server; connect to it in your own program, and send its tools in tools",
	"compaction":            "Abaton does not sum up conversations; sum them up in your own program",
	"fallbacks":             "Abaton never asks another model instead",
	"fallback_credit_token": "Abaton bills nothing",
	"billing_policy":        "Abaton bills nothing",
	"thread":                "Abaton keeps no conversations for this dialect; send the whole one in messages",
}

// blocks are content blocks of the dialect that we do not serve, and what to do
// instead.
var blocks = map[string]string{
	"document":         "Send its text in a text block.",
	"search_result":    "Send its text in a text block.",
	"browser_state":    "Send its text in a text block.",
	"tool_reference":   "All tools are shown to the model at once: send a text block.",
	"container_upload": "Abaton runs no code for a model: leave it out.",
	"server_tool_use":  "Abaton runs no tools: leave out what tools of another server did.",
	"mcp_tool_use":     "Abaton runs no tools: leave out what tools of another server did.",
	"compaction":       "Send its text in a text block.",
	"fallback":         "Leave it out.",
}
