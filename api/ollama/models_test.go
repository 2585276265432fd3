package ollama

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"abaton.local/api/wire"
	"abaton.local/internal/transcript"
)

var tiny = Model{
	Name: "tiny", Digest: strings.Repeat("ab", 32), Size: 98_888_608, Modified: time.Date(2026, 11, 24, 16, 0, 0, 0, time.UTC),
	Architecture: "llama", Parameters: 134_515_008, Quantisation: "Q4_1",
}

var shown = Shown{Model: tiny, Can: []string{Completes}, Licence: "Apache-2.0", Context: 8192, Embedding: 576}

const (
	tinyDetails = `"details":{"parent_model":"","format":"gguf","family":"llama","families":["llama"],"parameter_size":"134.52M","quantization_level":"Q4_1"}`
	tinyDigest  = `"digest":"abababababababababababababababababababababababababababababababab"`
)

func TestModels(t *testing.T) {
	older, bare := tiny, Shown{Model: Model{Name: "bare"}}
	older.Name, older.Modified = "older", tiny.Modified.Add(-time.Hour)
	line := func(name, at string) string {
		return `{"name":"` + name + `:latest","model":"` + name + `:latest","modified_at":"` + at + `","size":98888608,` + tinyDigest + `,` + tinyDetails + `}`
	}
	for name, c := range map[string]struct{ got, want string }{
		"version":   {string(EncodeVersion()), `{"version":"0.17.4"}`},
		"no models": {string(EncodeTags(nil)), `{"models":[]}`},
		"none run":  {string(EncodePS(nil)), `{"models":[]}`},
		"newest first": {string(EncodeTags([]Model{older, tiny})),
			`{"models":[` + line("tiny", "2026-11-24T16:00:00Z") + `,` + line("older", "2026-11-24T15:00:00Z") + `]}`},
		"running": {string(EncodePS([]Loaded{{Model: tiny, Memory: 200, VRAM: 0, Context: 4096, Expires: tiny.Modified}})),
			`{"models":[{"name":"tiny:latest","model":"tiny:latest","size":200,` + tinyDigest + `,` + tinyDetails +
				`,"expires_at":"2026-11-24T16:00:00Z","size_vram":0,"context_length":4096}]}`},
		"shown": {string(shown.Encode()), `{"license":"Apache-2.0","modelfile":"# There is no Modelfile: ` + "`abaton models show tiny`" + ` tells what is known.\nFROM tiny\n","parameters":"","template":"",` + tinyDetails +
			`,"model_info":{"general.architecture":"llama","general.parameter_count":134515008,"llama.context_length":8192,"llama.embedding_length":576}` +
			`,"capabilities":["completion"],"modified_at":"2026-11-24T16:00:00Z"}`},
		"shown, little known": {string(bare.Encode()), `{"license":"","modelfile":"# There is no Modelfile: ` + "`abaton models show bare`" + ` tells what is known.\nFROM bare\n","parameters":"","template":"",` +
			`"details":{"parent_model":"","format":"gguf","family":"","families":[""],"parameter_size":"0","quantization_level":""},` +
			`"model_info":{"general.architecture":"unknown"},"capabilities":[],"modified_at":"0001-01-01T00:00:00Z"}`},
	} {
		if d := cmp.Diff(c.want, c.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestNames(t *testing.T) {
	for shelf, want := range map[string]string{"tiny": "tiny:latest", "tiny:q4": "tiny:q4", "": "", "host:80/tiny": "host:80/tiny:latest"} {
		if got := Name(shelf); got != want {
			t.Errorf("Name(%q) is %q, want %q", shelf, got, want)
		}
	}
	for name, want := range map[string]string{
		"tiny": "tiny", "tiny:latest": "tiny", "tiny:q4": "tiny:q4", "library/tiny": "tiny", "registry.ollama.ai/library/tiny:latest": "tiny",
		"": "", ":latest": ":latest", "library/": "library/", "registry.ollama.ai/library/:latest": "registry.ollama.ai/library/:latest",
	} {
		if got := ShelfName(name); got != want {
			t.Errorf("ShelfName(%q) is %q, want %q", name, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0", 999: "999", 22_000: "22K", 134_515_008: "134.52M", 8_030_000_000: "8.0B"} {
		if got := people(n); got != want {
			t.Errorf("people(%d) is %q, want %q", n, got, want)
		}
	}
}

// What changes the machine is the owner's, in words that say how.
func TestRefusals(t *testing.T) {
	for _, path := range []string{"/api/pull", "/api/create", "/api/push", "/api/copy", "/api/delete", "/api/blobs/sha256:" + strings.Repeat("a", 64), "/api/blobs/"} {
		p, refused := Refusal(path)
		if !refused || p.Status != 403 || !strings.Contains(p.Message, "`abaton ") {
			t.Errorf("%s: %+v", path, p)
		}
	}
	for _, path := range []string{"/api/chat", "/api/pull/x", "/api/tags", "/", "/api/blobs"} {
		if _, refused := Refusal(path); refused {
			t.Errorf("%s is refused", path)
		}
	}
}

func TestProblems(t *testing.T) {
	for _, c := range []struct {
		p    wire.Problem
		want string
	}{
		{UnknownModel("tiny\n'"), "model 'tiny\\n'' not found. `abaton models` lists those on this machine, `abaton pull NAME` fetches one."},
		{wire.Problem{Status: 404, Code: "model_not_found", Message: `no model is called "x" on this machine`}, `model not found: no model is called "x" on this machine`},
		{wire.Problem{Status: 503, Code: "overloaded", Message: "Busy. <Ask> again."}, "Busy. <Ask> again."},
	} {
		var got map[string]string
		if err := json.Unmarshal(Body(c.p), &got); err != nil || len(got) != 1 || got["error"] != c.want {
			t.Errorf("got %q, %v, want %q", got, err, c.want)
		}
	}
	if p := UnknownModel("x"); p.Status != 404 || p.Code != "model_not_found" {
		t.Errorf("%+v", p)
	}
}

// The tables can be made into a page: each line has a reason, and no name stands
// in two of them.
func TestHints(t *testing.T) {
	seen := map[string]bool{}
	for _, h := range Hints() {
		if h.Param == "" || h.Why == "" || seen[h.Param] {
			t.Errorf("%+v", h)
		}
		seen[h.Param] = true
	}
	for name, why := range Refused() {
		if seen[name] || !strings.HasSuffix(why, ".") {
			t.Errorf("%s: %s", name, why)
		}
	}
}

// TestDocumentation keeps the lists in docs/ollama.md as the tables are.
func TestDocumentation(t *testing.T) {
	var b strings.Builder
	b.WriteString("\n| parameter | why |\n|---|---|\n")
	for _, h := range Hints() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", h.Param, h.Why)
	}
	b.WriteString("\n## Refused by name\n| parameter | why |\n|---|---|\n")
	no := Refused()
	for _, name := range slices.Sorted(maps.Keys(no)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, no[name])
	}
	transcript.Page(t, "../../docs/ollama.md", "<!-- made by go test -update ./api/ollama -->\n", b.String())
}
