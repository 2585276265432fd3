package openai

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"abaton.local/api/wire"
	"abaton.local/internal/transcript"
)

// TestHints: each hint is taken by its endpoints, and only where its kind is
// right; each says why, so that the documentation can.
func TestHints(t *testing.T) {
	samples := map[wire.Kind]string{wire.String: `"s"`, wire.Bool: `true`, wire.Number: `1`, wire.Object: `{"a":"b"}`, "": `7`}
	bodies := map[Endpoint]string{Chat: ask, Completions: `"prompt":"a"`, Responses: `"input":"a"`, Embeddings: `"input":"a"`, Rerank: `"query":"q","documents":["d"]`}
	decode := map[Endpoint]func([]byte) error{
		Chat:        func(b []byte) error { _, err := DecodeChat(b); return err },
		Completions: func(b []byte) error { _, err := DecodeCompletion(b); return err },
		Responses:   func(b []byte) error { _, err := DecodeResponse(b); return err },
		Embeddings:  func(b []byte) error { _, err := DecodeEmbedding(b); return err },
		Rerank:      func(b []byte) error { _, err := DecodeRerank(b); return err },
	}
	for name, h := range Hints {
		if h.Why == "" || h.In == 0 {
			t.Errorf("%s says nothing", name)
		}
		if _, too := refused[name]; too && refused[name].in&h.In != 0 {
			t.Errorf("%s is a hint and refused", name)
		}
		for e, body := range bodies {
			if h.In&e == 0 {
				continue
			}
			if err := decode[e](fmt.Appendf(nil, `{%s,"%s":%s}`, body, name, samples[h.Kind])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if h.Kind != "" && decode[e](fmt.Appendf(nil, `{%s,"%s":[[]]}`, body, name)) == nil {
				t.Errorf("%s takes anything", name)
			}
		}
	}
	for name, r := range refused {
		for e, body := range bodies {
			if err := decode[e](fmt.Appendf(nil, `{%s,"%s":{"x":1}}`, body, name)); r.in&e != 0 && err == nil {
				t.Errorf("%s is taken", name)
			}
		}
	}
}

// TestDocumentation keeps the list of hints in docs/openai.md as the table is.
func TestDocumentation(t *testing.T) {
	transcript.Page(t, "../../docs/openai.md", "<!-- made by go test -update ./api/openai -->\n", hintTable())
}

func hintTable() string {
	var b strings.Builder
	b.WriteString("\n| parameter | of | why |\n|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(Hints)) {
		var in []string
		for _, e := range []struct {
			bit  Endpoint
			name string
		}{{Chat, "chat"}, {Completions, "completions"}, {Responses, "responses"}, {Embeddings, "embeddings"}, {Rerank, "rerank"}} {
			if Hints[name].In&e.bit != 0 {
				in = append(in, e.name)
			}
		}
		why := Hints[name].Why
		if Hints[name].Forged {
			why += "; noted once for each key in the audit log"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, strings.Join(in, ", "), why)
	}
	return b.String()
}
