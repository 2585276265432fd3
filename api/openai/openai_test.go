package openai

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/internal/transcript"
)

var fixed = Answer{ID: "chatcmpl-TRANSCRIPT", Created: time.Unix(1764000000, 0)}

// TestTranscripts plays request.json and, where it decodes, the lines of
// events: {"text":…}, {"finish":…,"in":…,"out":…} or {"problem":…}.
func TestTranscripts(t *testing.T) {
	outs := []string{"ask.json", "problem.json", "response.json", "response.sse"}
	transcript.Run(t, "testdata", outs, func(t testing.TB, c transcript.Case) map[string][]byte {
		req, err := Decode(c.In("request.json"))
		if err != nil {
			bad, ok := errors.AsType[*wire.BadRequest](err)
			if !ok {
				t.Fatalf("%T is no *wire.BadRequest", err)
			}
			return map[string][]byte{"problem.json": Body(bad.Problem())}
		}
		out := map[string][]byte{"ask.json": shownAsk(t, req)}
		var stream []byte
		s, w := NewStream(fixed, req.IncludeUsage), new(Whole)
		for line := range strings.Lines(string(c.In("events"))) {
			var e struct {
				Text    string
				Finish  engine.Finish
				In, Out int
				Problem string
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			event := chat.Event{Model: "tiny", Delta: engine.Delta{Text: e.Text, Finish: e.Finish, Usage: engine.Usage{PromptTokens: e.In, AnswerTokens: e.Out}}}
			switch {
			case e.Problem != "":
				stream = append(stream, s.Failure(wire.Problem{Status: 500, Code: e.Problem, Message: "The engine died. Ask again."})...)
			case req.Stream:
				stream = append(stream, s.Frames(event)...)
			default:
				w.Add(event)
			}
		}
		if req.Stream {
			out["response.sse"] = stream
		} else {
			out["response.json"] = w.Encode(fixed)
		}
		return out
	})
}

func shownAsk(t testing.TB, req Request) []byte {
	b, err := json.MarshalIndent(struct {
		Request
		Schema string `json:",omitempty"`
	}{req, string(req.Ask.Options.JSONSchema)}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return b
}
