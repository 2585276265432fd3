package main

import "strings"

// endpoint is where a client finds this server.
type endpoint struct {
	address string // "http://127.0.0.1:8226", perhaps with a key behind it
	key     string
	model   string
	embed   string // a model for embeddings
}

// clientProgram is a program that people have, and what to paste into it.
type clientProgram struct {
	name, what string
	note       string
	template   string
}

// lines fills the client's template.
func (c clientProgram) lines(at endpoint) string {
	return strings.NewReplacer("‹address›", at.address, "‹key›", at.key, "‹model›", at.model, "‹embedder›", at.embed).Replace(strings.TrimPrefix(c.template, "\n"))
}

const offline = "What is found in documents is embedded here, too; without the line OFFLINE_MODE it asks its makers' servers for models and news. " +
	"Whoever comes first signs up as its administrator, and it keeps conversations of its own, unsealed."

// clients are those whose lines we know. What stands in ‹› is filled in.
var clients = []clientProgram{
	{"openai", "OpenAI's libraries, and whatever reads their variables", "", `
export OPENAI_BASE_URL=‹address›/v1
export OPENAI_API_KEY=‹key›
`},
	{"anthropic", "Anthropic's libraries", "", `
export ANTHROPIC_BASE_URL=‹address›
export ANTHROPIC_API_KEY=‹key›
`},
	{"claude-code", "Claude Code, the coding agent", "It calls its maker unless told not to; the last line tells it.", `
export ANTHROPIC_BASE_URL=‹address›
export ANTHROPIC_AUTH_TOKEN=‹key›
export ANTHROPIC_MODEL=‹model›
export ANTHROPIC_SMALL_FAST_MODEL=‹model›
export CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1
`},
	{"ollama", "Ollama's libraries and whatever looks for Ollama", "Programs that can send no key: use --no-header, or see --keyless-key in `abaton serve --help`.", `
export OLLAMA_HOST=‹address›
export OLLAMA_API_KEY=‹key›
`},
	{"curl", "a first try from the shell", "", `
curl ‹address›/v1/chat/completions -H "Authorization: Bearer ‹key›" -H "Content-Type: application/json" \
  -d '{"model": "‹model›", "messages": [{"role": "user", "content": "What is the capital of France?"}]}'
`},
	{"aider", "aider, pair programming in the terminal", "It asks its makers for news and prices unless told not to: most of this tells it.", `
export OPENAI_API_BASE=‹address›/v1
export OPENAI_API_KEY=‹key›
export LITELLM_LOCAL_MODEL_COST_MAP=True
echo '{"openai/‹model›": {"litellm_provider": "openai", "mode": "chat"}}' > ~/.aider.abaton.json
aider --model openai/‹model› --model-metadata-file ~/.aider.abaton.json --analytics-disable --no-check-update --no-show-release-notes --no-show-model-warnings
`},
	{"continue", "Continue, in VS Code and JetBrains: ~/.continue/config.yaml", "", `
name: Abaton
version: 1.0.0
schema: v1
models:
  - name: Abaton
    provider: openai
    model: ‹model›
    apiBase: ‹address›/v1
    apiKey: ‹key›
    roles: [chat, edit, apply]
`},
	{"open-webui", "Open WebUI, as environment variables", offline, `
export OPENAI_API_BASE_URL=‹address›/v1
export OPENAI_API_KEY=‹key›
export ENABLE_OLLAMA_API=false
export RAG_EMBEDDING_ENGINE=openai
export RAG_OPENAI_API_BASE_URL=‹address›/v1
export RAG_OPENAI_API_KEY=‹key›
export RAG_EMBEDDING_MODEL=‹embedder›
export OFFLINE_MODE=true
open-webui serve --host 127.0.0.1
`},
	{"open-webui-ollama", "Open WebUI, asking as it asks Ollama", offline, `
export OLLAMA_BASE_URL=‹address›
export OLLAMA_API_CONFIGS='{"0": {"enable": true, "key": "‹key›"}}'
export ENABLE_OPENAI_API=false
export RAG_EMBEDDING_ENGINE=ollama
export RAG_OLLAMA_BASE_URL=‹address›
export RAG_OLLAMA_API_KEY=‹key›
export RAG_EMBEDDING_MODEL=‹embedder›
export OFFLINE_MODE=true
open-webui serve --host 127.0.0.1
`},
	{"opencode", "opencode, the coding agent: ~/.config/opencode/opencode.json", "It fetches a list of models from its makers unless OPENCODE_DISABLE_MODELS_FETCH=1 is set, and packages for plug-ins from npm's registry.", `
{
  "$schema": "https://opencode.ai/config.json",
  "model": "abaton/‹model›",
  "small_model": "abaton/‹model›",
  "share": "disabled",
  "autoupdate": false,
  "provider": {
    "abaton": {
      "npm": "@ai-sdk/openai-compatible",
      "options": {"baseURL": "‹address›/v1", "apiKey": "‹key›"},
      "models": {"‹model›": {}}
    }
  }
}
`},
	{"llm", "llm, the command: extra-openai-models.yaml in its folder", "The folder is where `llm logs path` points. The key: llm keys set abaton. Then: llm -m abaton", `
- model_id: abaton
  model_name: ‹model›
  api_base: ‹address›/v1
  api_key_name: abaton
  supports_schema: true
  supports_tools: true
`},
	{"langchain", "LangChain, in Python", "", `
from langchain_openai import ChatOpenAI
model = ChatOpenAI(base_url="‹address›/v1", api_key="‹key›", model="‹model›")
`},
	{"llamaindex", "LlamaIndex, in Python", "", `
from llama_index.llms.openai_like import OpenAILike
model = OpenAILike(api_base="‹address›/v1", api_key="‹key›", model="‹model›", is_chat_model=True)
`},
	{"litellm", "litellm, in Python", "", `
import litellm
litellm.completion(model="openai/‹model›", api_base="‹address›/v1", api_key="‹key›",
                   messages=[{"role": "user", "content": "Hello"}])
`},
	{"zed", "Zed, the editor: settings.json; the key goes into its agent panel", "", `
"language_models": {
  "openai_compatible": {
    "Abaton": {
      "api_url": "‹address›/v1",
      "available_models": [{"name": "‹model›", "max_tokens": 8192}]
    }
  }
}
`},
}
