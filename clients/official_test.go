package clients

import (
	"os"
	"strings"
	"testing"
)

// Versions are pinned, so that a red test means a change of ours. Those of the
// Go libraries stand in go.mod.
const (
	pythonOpenAI    = "3.57.0"
	nodeOpenAI      = "7.57.0"
	pythonOllama    = "0.6.3"
	nodeOllama      = "0.6.4"
	pythonAnthropic = "2.14.0"
	nodeAnthropic   = "1.14.0"
)

// TestOfficial runs the libraries of those who made the interfaces.
func TestOfficial(t *testing.T) {
	matrix(t, "official", official(t))
}

func official(t *testing.T) []client {
	return []client{
		{name: "openai (Go)", version: inGoMod(t, "github.com/openai/openai-go/v3"), dialect: "OpenAI", doors: allDoors, run: goOpenAI},
		{name: "openai (Python)", version: pythonOpenAI, dialect: "OpenAI", doors: allDoors, run: inPython("openai_.py", "openai=="+pythonOpenAI)},
		{name: "openai (Node)", version: nodeOpenAI, dialect: "OpenAI", doors: allDoors, run: inNode("openai.mjs", "openai@"+nodeOpenAI)},
		{name: "ollama (Go)", version: inGoMod(t, "github.com/ollama/ollama"), dialect: "Ollama", doors: allDoors, run: goOllama},
		{name: "ollama (Python)", version: pythonOllama, dialect: "Ollama", doors: allDoors, run: inPython("ollama_.py", "ollama=="+pythonOllama)},
		{name: "ollama (Node)", version: nodeOllama, dialect: "Ollama", doors: allDoors, run: inNode("ollama.mjs", "ollama@"+nodeOllama)},
		{name: "anthropic (Go)", version: inGoMod(t, "github.com/anthropics/anthropic-sdk-go"), dialect: "Anthropic", doors: allDoors, run: goAnthropic},
		{name: "anthropic (Python)", version: pythonAnthropic, dialect: "Anthropic", doors: allDoors, run: inPython("anthropic_.py", "anthropic=="+pythonAnthropic)},
		{name: "anthropic (Node)", version: nodeAnthropic, dialect: "Anthropic", doors: allDoors, run: inNode("anthropic.mjs", "@anthropic-ai/sdk@"+nodeAnthropic)},
	}
}

// inGoMod is the version of a module that this test is built with.
func inGoMod(t *testing.T, module string) string {
	t.Helper()
	b, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == module {
			return strings.TrimPrefix(f[1], "v")
		}
	}
	t.Fatalf("go.mod does not name %s", module)
	return ""
}
