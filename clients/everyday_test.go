//go:build long

package clients

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Versions of what people use every day.
const (
	langchainOpenAI    = "1.7.4"
	langchainOllama    = "1.1.0"
	langchainAnthropic = "1.7.10"
	llamaOpenAILike    = "0.8.1"
	llamaOllama        = "0.11.0"
	litellmVersion     = "1.110.2"
	instructorVersion  = "1.17.0"
	llmVersion         = "0.36"
	llmOllama          = "0.19.1"
	aiderVersion       = "0.86.2"
	continueVersion    = "1.5.47"
	opencodeVersion    = "1.18.33"
	claudeVersion      = "2.1.332"
	webuiVersion       = "0.12.4"
)

// TestEveryday runs frameworks, commands, assistants and an interface, each set
// up by the lines that `abaton connect` prints for it.
func TestEveryday(t *testing.T) {
	langchain := []string{"langchain-openai==" + langchainOpenAI, "langchain-ollama==" + langchainOllama, "langchain-anthropic==" + langchainAnthropic}
	llama := []string{"llama-index-llms-openai-like==" + llamaOpenAILike, "llama-index-llms-ollama==" + llamaOllama,
		"llama-index-embeddings-openai-like==0.4.0", "llama-index-embeddings-ollama==0.10.0"}
	litellm := "litellm==" + litellmVersion
	matrix(t, "everyday", []client{
		{name: "langchain-openai", version: langchainOpenAI, dialect: "OpenAI", doors: allDoors, breaks: true, run: inFramework("langchain_.py", "openai", "langchain", langchain...)},
		{name: "LlamaIndex openai-like", version: llamaOpenAILike, dialect: "OpenAI", doors: allDoors, breaks: true, run: inFramework("llamaindex_.py", "openai", "llamaindex", llama...)},
		{name: "litellm", version: litellmVersion, dialect: "OpenAI", doors: allDoors, breaks: true, run: inFramework("litellm_.py", "openai", "litellm", litellm)},
		{name: "instructor", version: instructorVersion, dialect: "OpenAI", doors: allDoors, run: inFramework("instructor_.py", "openai", "", "instructor=="+instructorVersion)},
		{name: "llm", version: llmVersion, dialect: "OpenAI", doors: allDoors, run: runLLM},
		{name: "aider", version: aiderVersion, dialect: "OpenAI", doors: allDoors, run: runAider},
		{name: "Continue (cn)", version: continueVersion, dialect: "OpenAI", doors: allDoors, run: runContinue},
		{name: "opencode", version: opencodeVersion, dialect: "OpenAI", doors: allDoors, run: runOpencode},
		{name: "Open WebUI (OpenAI)", version: webuiVersion, dialect: "OpenAI", doors: allDoors, run: inWebUI("open-webui")},
		{name: "langchain-ollama", version: langchainOllama, dialect: "Ollama", doors: allDoors, breaks: true, run: inFramework("langchain_.py", "ollama", "", langchain...)},
		{name: "LlamaIndex ollama", version: llamaOllama, dialect: "Ollama", doors: allDoors, breaks: true, run: inFramework("llamaindex_.py", "ollama", "", llama...)},
		{name: "litellm ollama_chat", version: litellmVersion, dialect: "Ollama", doors: allDoors, breaks: true, run: inFramework("litellm_.py", "ollama_chat", "", litellm)},
		{name: "llm-ollama", version: llmOllama, dialect: "Ollama", doors: allDoors, run: runLLMOllama},
		{name: "Open WebUI (Ollama)", version: webuiVersion, dialect: "Ollama", doors: allDoors, run: inWebUI("open-webui-ollama")},
		{name: "langchain-anthropic", version: langchainAnthropic, dialect: "Anthropic", doors: allDoors, breaks: true, run: inFramework("langchain_.py", "anthropic", "", langchain...)},
		{name: "litellm anthropic", version: litellmVersion, dialect: "Anthropic", doors: allDoors, breaks: true, run: inFramework("litellm_.py", "anthropic", "", litellm)},
		{name: "Claude Code", version: claudeVersion, dialect: "Anthropic", doors: allDoors, run: runClaude},
	})
}

// inFramework gives the run of a script that speaks one of several dialects. It
// gets the lines of `abaton connect`, where there are lines for it.
func inFramework(file, dialect, lines string, packages ...string) func(*testing.T, door) []check {
	return func(t *testing.T, d door) []check {
		interpreter := python(t, "python-"+file, "python3", packages...)
		var env []string
		if lines != "" {
			env = append(env, "LINES="+pasted(t, d, lines))
		}
		// It fetches a list of prices at its start, otherwise.
		env = append(env, "LITELLM_LOCAL_MODEL_COST_MAP=True")
		return script(t, d, 20*time.Minute, env, interpreter, there(t, file), dialect)
	}
}

// inWebUI gives the run of Open WebUI in one dialect, as a browser would use it.
// The engines of its own, for which it brings gigabytes, are left out: documents
// are embedded here.
func inWebUI(lines string) func(*testing.T, door) []check {
	return func(t *testing.T, d door) []check {
		interpreter := pythonWithout(t, "open-webui", "python3.11", []string{"torch", "sentence-transformers"}, "open-webui=="+webuiVersion)
		command := last(t, d, lines)
		env := append(exported(t, d, lines), "DATA_DIR=.", "WEBUI_SECRET_KEY=test")
		argv := append([]string{there(t, "openwebui_.py"), filepath.Join(filepath.Dir(interpreter), command[0])}, command[1:]...)
		r := closed(t, 15*time.Minute, t.TempDir(), append(environment(d), env...), append([]string{interpreter}, argv...)...)
		if len(r.sought) > 0 { // it would send documents to a company, were they not told where to go
			t.Errorf("Open WebUI looked for %s", strings.Join(r.sought, ", "))
		}
		return told(t, r)
	}
}
