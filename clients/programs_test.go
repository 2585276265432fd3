//go:build long

package clients

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// terminal is a folder where somebody types commands, one after the other.
type terminal struct {
	t    *testing.T
	door door
	home string
	env  []string
	results
}

func newTerminal(t *testing.T, d door, env ...string) *terminal {
	home := t.TempDir()
	return &terminal{t: t, door: d, home: home, env: append(env, "HOME="+home), results: results{door: d}}
}

// types runs a command where the server is and no network.
func (s *terminal) types(argv ...string) (string, error) {
	r := closed(s.t, 10*time.Minute, s.home, s.env, argv...)
	if len(r.sought) > 0 {
		s.t.Logf("%s looked for %s", filepath.Base(argv[0]), strings.Join(r.sought, ", "))
	}
	if r.err != nil {
		return r.out, fmt.Errorf("%s: %w: %s", filepath.Base(argv[0]), r.err, tail(r.out+r.errs))
	}
	return r.out, nil
}

// tail is the end of what a program said.
func tail(text string) string { return text[max(0, len(text)-4000):] }

// quiet wants a command to look for nobody.
func (s *terminal) quiet(argv ...string) (string, error) {
	r := closed(s.t, 10*time.Minute, s.home, s.env, argv...)
	switch {
	case r.err != nil:
		return r.out, fmt.Errorf("%s: %w: %s", filepath.Base(argv[0]), r.err, tail(r.out+r.errs))
	case len(r.sought) > 0:
		return r.out, fmt.Errorf("%s looked for %s", filepath.Base(argv[0]), strings.Join(r.sought, ", "))
	}
	return r.out, nil
}

// answered wants a command's answer to be one.
func answered(out string, err error) error {
	if err == nil && strings.TrimSpace(out) == "" {
		return fmt.Errorf("no answer")
	}
	return err
}

func runLLM(t *testing.T, d door) []check {
	llm := filepath.Join(filepath.Dir(python(t, "llm", "python3", "llm=="+llmVersion, "llm-ollama=="+llmOllama)), "llm")
	s := newTerminal(t, d)
	s.env = append(s.env, "LLM_USER_PATH="+s.home)
	write(t, filepath.Join(s.home, "extra-openai-models.yaml"), pasted(t, d, "llm"))
	if _, err := s.quiet(llm, "keys", "set", "abaton", "--value", d.key()); err != nil {
		t.Fatal(err)
	}
	ask := []string{llm, "-m", "abaton", "-o", "temperature", "0", "-o", "max_tokens", "100", "-s", terse}
	s.check("chat", func() error {
		out, err := s.quiet(append(ask, "--no-stream", question)...)
		if err != nil {
			return err
		}
		return paris(out)
	})
	s.check("chat, streamed", func() error {
		out, err := s.quiet(append(ask, question)...)
		if err != nil {
			return err
		}
		return paris(out)
	})
	s.check("tools", func() error {
		out, err := s.quiet(append(ask, "--functions", "def weather(city: str) -> str:\n    'The weather of a city.'\n    return 'sunny'", "What is the weather in Paris?")...)
		if err != nil && strings.Contains(err.Error(), "Chain limit") {
			return nil // a very small model calls again and again, and was answered each time
		}
		return answered(out, err)
	})
	s.check("structured answer", func() error {
		out, err := s.quiet(append(ask, "--schema", "city, big bool", "Is Paris a big city?")...)
		if err != nil {
			return err
		}
		return fits(out)
	})
	s.check("models", func() error {
		out, err := s.quiet(llm, "models")
		if err == nil && !strings.Contains(out, "abaton") {
			err = fmt.Errorf("%s", out)
		}
		return err
	})
	return s.all
}

func runLLMOllama(t *testing.T, d door) []check {
	llm := filepath.Join(filepath.Dir(python(t, "llm", "python3", "llm=="+llmVersion, "llm-ollama=="+llmOllama)), "llm")
	s := newTerminal(t, d, exported(t, d, "ollama")...)
	s.env = append(s.env, "LLM_USER_PATH="+s.home)
	ask := []string{llm, "-m", "ollama/" + model, "-o", "temperature", "0", "-o", "num_predict", "100", "-s", terse}
	s.check("chat", func() error {
		out, err := s.quiet(append(ask, "--no-stream", question)...)
		if err != nil {
			return err
		}
		return paris(out)
	})
	s.check("chat, streamed", func() error {
		out, err := s.quiet(append(ask, question)...)
		if err != nil {
			return err
		}
		return paris(out)
	})
	s.check("structured answer", func() error {
		out, err := s.quiet(append(ask, "--schema", "city, big bool", "Is Paris a big city?")...)
		if err != nil {
			return err
		}
		return fits(out)
	})
	s.check("embeddings", func() error {
		out, err := s.quiet(llm, "embed", "-m", "ollama/"+embedder, "-c", "a cat")
		var v []float64
		if err == nil && (json.Unmarshal([]byte(out), &v) != nil || len(v) != 384) {
			err = fmt.Errorf("%s", out)
		}
		return err
	})
	s.check("models", func() error {
		out, err := s.quiet(llm, "models")
		if err == nil && !strings.Contains(out, "ollama/"+model) {
			err = fmt.Errorf("%s", out)
		}
		return err
	})
	return s.all
}

func runAider(t *testing.T, d door) []check {
	dir := filepath.Dir(python(t, "aider", "python3.11", "aider-chat=="+aiderVersion))
	s := newTerminal(t, d, "PATH="+dir+":"+os.Getenv("PATH"))
	write(t, filepath.Join(s.home, "hello.py"), "print('helo')\n")
	lines := strings.TrimSpace(pasted(t, d, "aider")) + " --no-git --yes-always --message 'Say hello.' hello.py"
	s.check("chat, streamed", func() error {
		out, err := s.quiet("sh", "-ec", lines)
		if err == nil && !strings.Contains(out, "Tokens:") {
			err = fmt.Errorf("%s", tail(out))
		}
		return err
	})
	return s.all
}

func runContinue(t *testing.T, d door) []check {
	dir, program := node(t, "continue", "@continuedev/cli@"+continueVersion)
	s := newTerminal(t, d)
	config := filepath.Join(s.home, ".continue", "config.yaml")
	write(t, config, pasted(t, d, "continue"))
	s.check("chat, streamed", func() error {
		// A very small model calls its tools until there is no room for more.
		return answered(s.types(program, filepath.Join(dir, "node_modules", "@continuedev", "cli", "dist", "cn.js"), "-p", "--exclude", "*", "--config", config, question))
	})
	return s.all
}

func runOpencode(t *testing.T, d door) []check {
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	dir, _ := node(t, "opencode", "opencode-ai@"+opencodeVersion)
	program := filepath.Join(dir, "node_modules", "opencode-"+runtime.GOOS+"-"+arch, "bin", "opencode")
	// Without tools its instructions fit a very small model.
	s := newTerminal(t, d, "OPENCODE_DISABLE_MODELS_FETCH=1", `OPENCODE_CONFIG_CONTENT={"agent": {"build": {"prompt": "`+terse+`", "tools": {"*": false}}}}`)
	write(t, filepath.Join(s.home, ".config", "opencode", "opencode.json"), pasted(t, d, "opencode"))
	s.check("chat, streamed", func() error {
		return answered(s.types(program, "run", "--pure", "-m", "abaton/"+model, "--title", "Paris", question))
	})
	return s.all
}

func runClaude(t *testing.T, d door) []check {
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	dir, _ := node(t, "claude-code", "@anthropic-ai/claude-code@"+claudeVersion)
	program := filepath.Join(dir, "node_modules", "@anthropic-ai", "claude-code-"+runtime.GOOS+"-"+arch, "claude")
	s := newTerminal(t, d, append(exported(t, d, "claude-code"), "CLAUDE_CODE_MAX_OUTPUT_TOKENS=400")...)
	// Its tools are tens of thousands of tokens; without them it fits a very small model.
	// It sets the temperature itself, and such a model now and then does not come to an
	// end: Claude Code asks on until the context is full. Then it is asked again, for an
	// answer that ends is wanted, and not this model's luck.
	s.check("messages, streamed", func() (err error) {
		for range 5 {
			if err = askClaude(s, program); err == nil || !strings.Contains(err.Error(), `"is_error":true`) {
				break
			}
		}
		return err
	})
	return s.all
}

func askClaude(s *terminal, program string) error {
	out, err := s.types(program, "-p", question, "--system-prompt", terse, "--tools", "", "--output-format", "json", "--no-session-persistence")
	var a struct {
		Result string
		Error  bool `json:"is_error"`
		Usage  struct{ Input, Output int }
	}
	i := strings.Index(out, "{")
	if err == nil && (json.Unmarshal([]byte(out[max(i, 0):]), &a) != nil || a.Error || a.Result == "") {
		err = fmt.Errorf("%s", tail(out))
	}
	return err
}
