package api

import (
	"context"
	"encoding/json"
	"iter"
	"strings"
	"testing"
	"time"

	"abaton.local/engine"
	"abaton.local/gateway"
	"abaton.local/models"
)

// What Ollama's clients make tokens per second of: until the first piece, and from
// then on. Where anything is shaped there is none of it, and no exact moment.
func TestTimesOfAnAnswer(t *testing.T) {
	h := open(t, slowly, Config{Shelf: twoModels}, gateway.Config{})
	for _, stream := range []string{"", `"stream":false,`} {
		for _, path := range []string{"/api/chat", "/api/generate"} {
			body := `{"model":"tiny",` + stream + hi + `}`
			if path == "/api/generate" {
				body = `{"model":"tiny",` + stream + `"prompt":"hi"}`
			}
			for _, shape := range []string{"off", "pad"} {
				_, answer := h.ask(t, "POST", path, body, "X-Abaton-Shape: "+shape)
				lines := strings.Split(strings.TrimSpace(answer), "\n")
				var end struct {
					Created time.Time `json:"created_at"`
					Total   int64     `json:"total_duration"`
					Load    int64     `json:"load_duration"`
					Prompt  int64     `json:"prompt_eval_duration"`
					Eval    int64     `json:"eval_duration"`
					Count   int       `json:"eval_count"`
				}
				if err := json.Unmarshal([]byte(lines[len(lines)-1]), &end); err != nil {
					t.Fatal(err, answer)
				}
				if end.Count != 2 || end.Load != 0 {
					t.Errorf("%s: %+v", path, end)
				}
				if told := end.Prompt > 0 && end.Eval > 0 && end.Prompt+end.Eval == end.Total; told != (shape == "off") {
					t.Errorf("%s %s %s: %+v", path, stream, shape, end)
				}
				if shape != "off" && (end.Created.Nanosecond() != 0 || strings.Contains(answer, "_duration")) {
					t.Errorf("%s %s: a shaped answer tells when: %s", path, stream, answer)
				}
			}
		}
	}
}

// slowly says two words.
func slowly(context.Context, engine.Prompt) iter.Seq2[engine.Delta, error] {
	return func(yield func(engine.Delta, error) bool) {
		if yield(engine.Delta{Text: "a"}, nil) && yield(engine.Delta{Text: "b"}, nil) {
			yield(engine.Delta{Finish: engine.Stopped, Usage: engine.Usage{PromptTokens: 5, AnswerTokens: 2}}, nil)
		}
	}
}

// What answers has a name of its own: the same for whoever asks and however, another
// for another program, engine or model.
func TestWhatAnsweredIsNamed(t *testing.T) {
	named := func(system byte, shelf shelf, request string) string {
		t.Helper()
		h := open(t, slowly, Config{Shelf: shelf, System: func() [32]byte { return [32]byte{system} }}, gateway.Config{})
		resp, body := h.ask(t, "POST", "/v1/"+request[:strings.Index(request, " ")], request[strings.Index(request, " ")+1:])
		if resp.StatusCode != 200 {
			t.Fatal(body)
		}
		name := ""
		for part := range strings.SplitSeq(body, `"system_fingerprint":"`) {
			if found, _, ok := strings.Cut(part, `"`); ok && strings.HasPrefix(found, "fp_") {
				if name != "" && found != name {
					t.Errorf("two names in one answer: %s", body)
				}
				name = found
			}
		}
		if pieces := strings.Count(body, `"id":"`); name != "" && strings.Count(body, name) != pieces {
			t.Errorf("%d pieces, %d with a name: %s", pieces, strings.Count(body, name), body)
		}
		return name
	}
	other := shelf{{Name: "tiny", Role: "chat", Digest: models.Digest{9}}}
	asked := `{"model":"tiny","prompt":"hi"}`
	one := named(1, twoModels, "chat/completions {"+hi+"}")
	if len(one) != len("fp_")+10 {
		t.Errorf("%q", one)
	}
	for request, want := range map[string]string{`chat/completions {"stream":true,` + hi + `}`: one, "completions " + asked: one, `completions {"stream":true,"prompt":"hi"}`: one} {
		if got := named(1, twoModels, request); got != want {
			t.Errorf("%s: %q, want %q", request, got, want)
		}
	}
	if two := named(2, twoModels, "completions "+asked); two == one || two == "" {
		t.Errorf("another engine: %q", two)
	}
	if two := named(1, other, "completions "+asked); two == one || two == "" {
		t.Errorf("another model: %q", two)
	}
	if none := named(0, twoModels, "completions "+asked); none != "" {
		t.Errorf("nothing to be named by: %q", none)
	}
}
