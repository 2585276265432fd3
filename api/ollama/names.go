package ollama

import "strings"

// Name is how a model of the shelf is called in this dialect, where every name
// has a tag: "tiny" is "tiny:latest".
func Name(shelf string) string {
	if shelf == "" || strings.ContainsRune(shelf[strings.LastIndexByte(shelf, '/')+1:], ':') {
		return shelf
	}
	return shelf + ":latest"
}

// ShelfName takes off what this dialect adds to a name, so that "tiny",
// "tiny:latest" and "registry.ollama.ai/library/tiny:latest" are one model.
func ShelfName(name string) string {
	short := strings.TrimPrefix(name, "registry.ollama.ai/")
	short = strings.TrimPrefix(short, "library/")
	short = strings.TrimSuffix(short, ":latest")
	if short == "" {
		return name // which no model has; empty would be the default one
	}
	return short
}
