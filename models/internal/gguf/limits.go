package gguf

// Caps. The largest header known (a vocabulary of 262,144 tokens with 514,906
// merges) stays below each by a factor of two or more; a header at every cap
// at once still fits the memory that Check promises.
const (
	maxHeader       = 256 << 20 // bytes up to the end of the tensor table
	maxPairs        = 4096
	maxTensors      = 65536
	maxKey          = 256      // bytes
	maxText         = 64 << 10 // bytes of a plain string
	maxTemplate     = 256 << 10
	maxTokenizer    = 64 << 20 // bytes of tokenizer.huggingface.json, which the engine carries along unread
	maxToken        = 4 << 10  // bytes of one token: the engine counts pieces in 32 bits
	maxMerge        = 2*maxToken + 1
	maxTokens       = 1 << 20
	maxArray        = 2 << 20 // elements
	maxArchitecture = 64      // bytes
	maxTensorName   = 63      // GGML_MAX_NAME less its NUL
	maxDimensions   = 4       // GGML_MAX_DIMS
	maxBlocks       = 512     // LLAMA_MAX_LAYERS: the length of arrays inside the engine
	maxExperts      = 1024    // LLAMA_MAX_EXPERTS
	maxSplits       = 1024
	maxInt32        = 1<<31 - 1

	defaultAlignment = 32
	minAlignment     = 8
	maxAlignment     = 4096

	minPairEntry   = 8 + 1 + 4 + 1         // key length, key, type, value
	minTensorEntry = 8 + 1 + 4 + 8 + 4 + 8 // name length, name, dimensions, one of them, type, offset
)
