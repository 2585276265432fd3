package models

import (
	"slices"

	"abaton.local/models/internal/gguf"
)

// Recall says what a model's layers hold of what it read. The engine can cut keys
// and values off anywhere; it cannot take a state back to where it was, nor find in
// a window what has left it.
type Recall string

// The ways. What is not known is not taken for any of them.
const (
	UnknownRecall Recall = ""
	WholeRecall   Recall = "whole"  // keys and values of all that was read
	WindowRecall  Recall = "window" // of some layers those of the newest tokens only
	StateRecall   Recall = "state"  // of some layers a state, into which all is folded
)

// keepAll are architectures that have keys and values of everything in all layers,
// unless their header speaks of a window or a state. Of others some have a window
// without a word of it in the header (gemma2, llama4, smallthinker).
var keepAll = []string{
	"apertus", "arcee", "arctic", "baichuan", "bailingmoe", "bailingmoe2", "bitnet", "bloom", "chameleon", "chatglm", "codeshell", "command-r",
	"dbrx", "deepseek", "deepseek2", "dots1", "ernie4_5", "ernie4_5-moe", "exaone", "falcon", "gemma", "glm4", "glm4moe", "gpt2", "gptj", "gptneox",
	"granite", "granitemoe", "grovemoe", "hunyuan-dense", "hunyuan-moe", "internlm2", "jais", "llama", "minicpm", "minicpm3", "minimax-m2", "mistral3",
	"mpt", "nemotron", "olmo", "olmo2", "olmoe", "openelm", "orion", "phi2", "phi3", "phimoe", "plamo", "plm", "qwen", "qwen2", "qwen2moe", "qwen2vl",
	"qwen3", "qwen3moe", "qwen3vl", "qwen3vlmoe", "refact", "seed_oss", "smollm3", "stablelm", "starcoder", "starcoder2", "xverse",
}

func recallOf(h gguf.Header) Recall {
	switch {
	case h.State:
		return StateRecall
	case h.Windowed:
		return WindowRecall
	case slices.Contains(keepAll, h.Architecture):
		return WholeRecall
	}
	return UnknownRecall
}
