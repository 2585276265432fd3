package ollama

import (
	"strings"

	"abaton.local/api/wire"
)

// commands are the paths of Ollama that change what is on the machine, and what
// its owner runs instead: a program that may ask a model may not fetch or remove
// one, and a server that was locked down could not.
var commands = map[string]string{
	"/api/pull":   "Models are not fetched through this address. On the machine that serves them run `abaton pull NAME`.",
	"/api/create": "Models are not made through this address. Bring a finished file: on the machine that serves models run `abaton pull file:/PATH/model.gguf`.",
	"/api/blobs/": "Files are not taken through this address. On the machine that serves models run `abaton pull file:/PATH/model.gguf`.",
	"/api/push":   "Models are not sent anywhere. `abaton models show NAME` says where a model's file came from, so that others can fetch it.",
	"/api/copy":   "Models are not copied through this address. On the machine that serves them `abaton models` lists the names they have.",
	"/api/delete": "Models are not removed through this address. On the machine that serves them run `abaton models rm NAME`.",
}

// Refusal tells whether a path is refused on purpose, whatever its method, and
// in which words.
func Refusal(path string) (wire.Problem, bool) {
	why, refused := commands[path]
	if strings.HasPrefix(path, "/api/blobs/") {
		why, refused = commands["/api/blobs/"], true
	}
	if !refused {
		return wire.Problem{}, false
	}
	return wire.Problem{Status: 403, Code: "owner_only", Message: why}, true
}
