package clients

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// seen is what a script in testdata reports on its standard output.
type seen struct {
	Version  string            `json:"version"`
	Answer   string            `json:"answer"`
	Streamed string            `json:"streamed"`
	Pieces   int               `json:"pieces"`
	Usage    int               `json:"usage"` // tokens of the streamed answer
	Models   []string          `json:"models"`
	Errors   map[string]string `json:"errors"` // name of the case: class of the exception
}

func TestPython(t *testing.T) {
	venv := cache(t, "python-openai-"+pythonOpenAI)
	python := filepath.Join(venv, "bin", "python")
	if !installed(venv) {
		command(t, venv, "python3", "-m", "venv", venv)
		command(t, venv, python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "openai=="+pythonOpenAI)
		finish(t, venv)
	}
	script(t, pythonOpenAI, python, "testdata/client.py")
}

func TestNode(t *testing.T) {
	dir := cache(t, "node-openai-"+nodeOpenAI)
	if !installed(dir) {
		command(t, dir, "npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", dir, "openai@"+nodeOpenAI)
		finish(t, dir)
	}
	// Node looks for packages beside the script, so the script goes there.
	text, err := os.ReadFile("testdata/client.mjs")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "client.mjs")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	script(t, nodeOpenAI, "node", path)
}

// installed and finish keep a broken installation from being used: the mark is
// made last.
func installed(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "whole"))
	return err == nil
}

func finish(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "whole"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

func script(t *testing.T, version, interpreter, path string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), interpreter, path)
	cmd.Env = append(os.Environ(), "BASE_URL="+served.url, "TOKEN="+served.token, "MODEL="+served.model, "INSTRUCTION="+instruction, "QUESTION="+question)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs.String())
	}
	var s seen
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if s.Version != version {
		t.Errorf("version %q of the library, want %q", s.Version, version)
	}
	if !strings.Contains(s.Answer, "Paris") || !strings.Contains(s.Streamed, "Paris") {
		t.Errorf("answers: %q, streamed %q", s.Answer, s.Streamed)
	}
	if s.Pieces < 2 || s.Usage == 0 { // the first at once, more in frames
		t.Errorf("streamed in %d pieces, %d tokens", s.Pieces, s.Usage)
	}
	if len(s.Models) == 0 || s.Models[0] != served.model {
		t.Errorf("models: %q", s.Models)
	}
	for name, class := range map[string]string{
		"wrong token":            "AuthenticationError",
		"unknown model":          "NotFoundError",
		"too long":               "BadRequestError",
		"wrong token streamed":   "AuthenticationError",
		"unknown model streamed": "NotFoundError",
		"too long streamed":      "BadRequestError",
	} {
		if s.Errors[name] != class {
			t.Errorf("%s raised %q, want %s", name, s.Errors[name], class)
		}
	}
}
