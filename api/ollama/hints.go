package ollama

import (
	"cmp"
	"slices"
	"strings"

	"abaton.local/api/wire"
)

// Hint is a parameter that is taken and changes nothing here.
type Hint struct {
	Param string // "options.num_gpu"
	Why   string
}

// Hints lists what is taken and changes nothing, in order.
func Hints() []Hint {
	var all []Hint
	for name, h := range hints {
		all = append(all, Hint{spoken(name), h.why})
	}
	for name := range forgeries {
		all = append(all, Hint{name, "a control of the engine's caches: taken off, and noted in the audit log"})
	}
	all = append(all, also...)
	slices.SortFunc(all, func(a, b Hint) int { return cmp.Compare(a.Param, b.Param) })
	return all
}

// Refused lists the parameters that are refused where they say anything, and why.
func Refused() map[string]string {
	all := map[string]string{}
	for name, why := range refused {
		all[spoken(name)] = why
	}
	return all
}

// spoken names a field of an embedding's or a show's request as people would.
func spoken(name string) string {
	for place, path := range map[string]string{inEmbed: "/api/embed", inShow: "/api/show"} {
		if field, is := strings.CutPrefix(name, place); is {
			return field + " of " + path
		}
	}
	return name
}

const (
	inOptions  = "options."
	inMessages = "messages[]."
	inCalls    = "messages[].tool_calls[]."
	inTools    = "tools[]."
	inEmbed    = "embed."
	inShow     = "show."
)

type hint struct {
	kind wire.Kind // of its value; "" for any
	why  string
}

const (
	machine = "how this machine runs its engine is the server's to say"
	long    = "an answer ends with done_reason length where the context is full"
	dropped = "Ollama itself no longer has it"
)

// hints are what client libraries send by default, or for the machine's sake.
var hints = map[string]hint{
	"shift":    {wire.Bool, long},
	"metadata": {wire.Object, "Open WebUI's notes to itself"},

	"options.num_batch":        {wire.Number, machine},
	"options.num_gpu":          {wire.Number, machine},
	"options.main_gpu":         {wire.Number, machine},
	"options.num_thread":       {wire.Number, machine},
	"options.num_gqa":          {wire.Number, machine},
	"options.numa":             {wire.Bool, machine},
	"options.use_mmap":         {wire.Bool, machine},
	"options.use_mlock":        {wire.Bool, machine},
	"options.low_vram":         {wire.Bool, machine},
	"options.f16_kv":           {wire.Bool, machine},
	"options.num_keep":         {wire.Number, long},
	"options.penalize_newline": {wire.Bool, dropped},
	"options.mirostat_tau":     {wire.Number, "it belongs to mirostat"},
	"options.mirostat_eta":     {wire.Number, "it belongs to mirostat"},

	"messages[].tool_calls[].index":          {wire.Number, "calls are in the order of their list"},
	"messages[].tool_calls[].function.index": {wire.Number, "calls are in the order of their list"},
	"tools[].function.strict":                {wire.Bool, "the arguments of a call always follow their schema here"},

	"show.verbose": {wire.Bool, "all that is known is always shown"},
	"embed.prompt": {wire.String, "old clients send the first text of input a second time, for old servers"},
}

// also are the hints that need more than a look at the kind of a value.
var also = []Hint{
	{"options.seed", "below 0 it means a random seed, and of a larger one the lowest 32 bits count"},
	{"messages[].name", "the older word for tool_name; it means nothing in other messages"},
	{"messages[].tool_name", "it means nothing where the call has a name of its own"},
	{"think", "low, medium and high all mean true"},
	{"options of /api/embed and /api/embeddings", "of them only num_ctx means anything for an embedding"},
	{"input of /api/embeddings", "clients that do not know how old a server is send both prompt and input"},
}

// refused are parameters that would change an answer, and that we do not serve.
// Each is allowed where it says nothing: null, "", 0, false, [] or {}.
var refused = map[string]string{
	"library":            "documents are read at /v1/chat/completions and /v1/responses.",
	"suffix":             "text cannot be filled in between two others.",
	"template":           "a model's own template is always used; with raw a prompt goes to it as it stands.",
	"context":            "it would bring back tokens that nobody has looked through. Send the conversation to /api/chat.",
	"width":              "pictures are not made here.",
	"height":             "pictures are not made here.",
	"steps":              "pictures are not made here.",
	"_debug_render_only": "what a template makes of a prompt is not shown.",

	"options.mirostat":       "its way of choosing tokens is not part of Abaton. Use temperature, top_p and min_p.",
	"options.logits_all":     "raw scores are not given. Use logprobs.",
	"options.vocab_only":     "a model is always loaded whole.",
	"options.embedding_only": "use /api/embed for embeddings.",

	"tools[].items": "a tool is one function.",
	"show.system":   "a model is shown as it is.",
	"show.template": "a model is shown as it is.",
	"show.options":  "a model is shown as it is.",
}
