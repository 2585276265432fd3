package ollama

import (
	"bytes"
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

// fixed are the times of every golden answer.
func fixed() Times {
	return Times{Created: time.Date(2026, 11, 24, 16, 0, 0, 5e8, time.FixedZone("", 3600)), Total: 1500 * time.Millisecond, Eval: 1500 * time.Millisecond}
}

// TestTranscripts plays the one section that is named for its path and, where it
// decodes, the lines of events.
func TestTranscripts(t *testing.T) {
	outs := []string{"ask.json", "problem.json", "response.json", "response.ndjson"}
	transcript.Run(t, "testdata", outs, func(t testing.TB, c transcript.Case) map[string][]byte {
		if body := c.In("embed"); body != nil {
			return playEmbed(t, c, DecodeEmbed, body)
		}
		if body := c.In("embeddings"); body != nil {
			return playEmbed(t, c, DecodeEmbeddings, body)
		}
		if body := c.In("show"); body != nil {
			s, err := DecodeShow(body)
			if err != nil {
				return map[string][]byte{"problem.json": problem(t, err)}
			}
			return map[string][]byte{"ask.json": indented(t, s), "response.json": shown.Encode()}
		}
		decode, body := DecodeChat, c.In("chat")
		if body == nil {
			decode, body = DecodeGenerate, c.In("generate")
		}
		req, err := decode(body)
		if err != nil {
			return map[string][]byte{"problem.json": problem(t, err)}
		}
		out := map[string][]byte{"ask.json": shownAsk(t, req)}
		if req.Load || req.Unload {
			out["response.json"] = req.Done("tiny", fixed())
			return out
		}
		var stream []byte
		s, w := req.NewStream(fixed), req.NewWhole(fixed)
		for line := range strings.Lines(string(c.In("events"))) {
			event, problem := readEvent(t, line)
			switch {
			case problem != "":
				stream = append(stream, s.Failure(wire.Problem{Status: 500, Code: problem, Message: "The engine died. Ask again."})...)
			case req.Stream:
				stream = append(stream, s.Frames(event)...)
			default:
				w.Add(event)
			}
		}
		if req.Stream {
			out["response.ndjson"] = stream
			return out
		}
		if out["response.json"] = w.Encode(); w.Len() == 0 {
			t.Error("nothing was counted")
		}
		return out
	})
}

func playEmbed(t testing.TB, c transcript.Case, decode func([]byte) (Embed, error), body []byte) map[string][]byte {
	e, err := decode(body)
	if err != nil {
		return map[string][]byte{"problem.json": problem(t, err)}
	}
	v := engine.Vectors{Tokens: 2 * len(e.Texts)}
	for range e.Texts {
		v.Of = append(v.Of, []float32{0.6, 0, -0.8})
	}
	return map[string][]byte{"ask.json": indented(t, e), "response.json": e.Encode("tiny", v, fixed())}
}

func readEvent(t testing.TB, line string) (chat.Event, string) {
	var e struct {
		Text, Thinking string
		Calls          []engine.CallDelta
		LogProbs       []engine.LogProb
		Finish         engine.Finish
		In, Out, Cut   int
		Problem        string
	}
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatal(err)
	}
	return chat.Event{Model: "tiny", Cut: e.Cut, Delta: engine.Delta{Text: e.Text, Reasoning: e.Thinking, Calls: e.Calls, LogProbs: e.LogProbs,
		Finish: e.Finish, Usage: engine.Usage{PromptTokens: e.In, AnswerTokens: e.Out}}}, e.Problem
}

// problem gives what a client is told, and the parameter that is blamed.
func problem(t testing.TB, err error) []byte {
	bad, ok := errors.AsType[*wire.BadRequest](err)
	if !ok {
		t.Fatalf("%T is no *wire.BadRequest", err)
	}
	return append(Body(bad.Problem()), "\nparam "+bad.Param+", code "+string(bad.Code)...)
}

// shownAsk writes schemas as text, which json.Marshal would make base64 of.
func shownAsk(t testing.TB, req Request) []byte {
	type parameters struct{ Name, Parameters string }
	var tools []parameters
	for _, tool := range req.Ask.Options.Tools {
		tools = append(tools, parameters{tool.Name, string(tool.Parameters)})
	}
	schema := string(req.Ask.Options.JSONSchema)
	req.Ask.Options.JSONSchema, req.Ask.Options.Tools = nil, nil
	return indented(t, struct {
		Request
		Schema string       `json:",omitempty"`
		Tools  []parameters `json:",omitempty"`
	}{req, schema, tools})
}

// indented leaves out what is empty, so that a reader sees what was understood.
func indented(t testing.TB, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(prune(tree)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			field = prune(field)
			object, is := field.(map[string]any)
			counts := name == "Answers" || name == "ContextTokens" || name == "Dimensions" || name == "LogProbs" || name == "MaxTokens"
			if field == nil || field == "" || field == false && name != "Think" || is && len(object) == 0 || counts && field == 0.0 {
				delete(v, name)
			}
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
	}
	return v
}
