package anthropic

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/internal/transcript"
)

var fixed = Answer{ID: "msg_TRANSCRIPT", RequestID: "req_TRANSCRIPT"}

// TestTranscripts plays request.json or count.json and, where it decodes, the
// lines of events: texts, a call, {"finish":…,"in":…,"out":…} or {"problem":…}.
func TestTranscripts(t *testing.T) {
	outs := []string{"ask.json", "problem.json", "response.json", "response.sse"}
	transcript.Run(t, "testdata", outs, func(t testing.TB, c transcript.Case) map[string][]byte {
		decode, body := DecodeMessages, c.In("request.json")
		if counted := c.In("count.json"); counted != nil {
			decode, body = DecodeCount, counted
		}
		req, err := decode(body)
		if err != nil {
			bad, ok := errors.AsType[*wire.BadRequest](err)
			if !ok {
				t.Fatalf("%T is no *wire.BadRequest", err)
			}
			return map[string][]byte{"problem.json": append([]byte(bad.Param+" "+string(bad.Code)+"\n"), Body(bad.Problem(), "")...)}
		}
		out := map[string][]byte{"ask.json": shownAsk(t, req)}
		var stream []byte
		s, w := NewStream(fixed, req.Thoughts), NewWhole(fixed, req.Thoughts)
		for line := range strings.Lines(string(c.In("events"))) {
			e, problem := event(t, line)
			switch {
			case problem.Code != "":
				stream = append(stream, s.Failure(problem)...)
			case req.Stream:
				stream = append(stream, s.Frames(e)...)
			default:
				w.Add(e)
			}
		}
		if req.Stream {
			out["response.sse"] = stream
		} else if c.In("events") != nil {
			out["response.json"] = w.Encode()
		}
		return out
	})
}

func event(t testing.TB, line string) (chat.Event, wire.Problem) {
	var e struct {
		Text, Reasoning string
		Call            *engine.CallDelta
		Finish          engine.Finish
		In, Out         int
		Problem         string
		Status          int
	}
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatal(err)
	}
	d := engine.Delta{Text: e.Text, Reasoning: e.Reasoning, Finish: e.Finish, Usage: engine.Usage{PromptTokens: e.In, AnswerTokens: e.Out}}
	if e.Call != nil {
		d.Calls = []engine.CallDelta{*e.Call}
	}
	return chat.Event{Model: "tiny", Delta: d}, wire.Problem{Status: e.Status, Code: e.Problem, Message: "It failed. Ask again."}
}

// shownAsk writes what was decoded, without what was left out.
func shownAsk(t testing.TB, req Request) []byte {
	b, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	options := v.(map[string]any)["Ask"].(map[string]any)["Options"].(map[string]any)
	if s := req.Ask.Options.JSONSchema; s != nil {
		options["JSONSchema"] = string(s)
	}
	for i, tool := range req.Ask.Options.Tools {
		options["Tools"].([]any)[i].(map[string]any)["Parameters"] = string(tool.Parameters)
	}
	b, err = json.MarshalIndent(told(v), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func told(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			switch f := told(field); f {
			case nil, "", json.Number("0"):
				delete(v, name)
			default:
				v[name] = f
			}
			if name != "Think" && field == false {
				delete(v, name)
			}
		}
	case []any:
		for i := range v {
			v[i] = told(v[i])
		}
	}
	return v
}

// TestAskedOfEngine says that what differs between programs is what we mean it
// to be: a request of a beginner's first program must not make a model think.
func TestAskedOfEngine(t *testing.T) {
	for thinking, want := range map[string]struct {
		think    *bool
		thoughts Thoughts
	}{
		`null`:                                   {new(false), NoThoughts},
		`{"type":"disabled"}`:                    {new(false), NoThoughts},
		`{"type":"adaptive"}`:                    {nil, ShownThoughts},
		`{"type":"enabled"}`:                     {new(true), ShownThoughts},
		`{"type":"enabled","display":"omitted"}`: {new(true), OmittedThoughts},
	} {
		req, err := DecodeMessages([]byte(`{"max_tokens":9,"messages":[{"role":"user","content":"hi"}],"thinking":` + thinking + `}`))
		if err != nil {
			t.Fatal(thinking, err)
		}
		got := req.Ask.Options.Think
		if (got == nil) != (want.think == nil) || got != nil && *got != *want.think || req.Thoughts != want.thoughts {
			t.Errorf("%s: think %v, thoughts %q", thinking, got, req.Thoughts)
		}
	}
}

// TestWholeIsStream holds that both forms of an answer tell the same.
func TestWholeIsStream(t *testing.T) {
	events := []chat.Event{
		{Model: "tiny", Delta: engine.Delta{Reasoning: "R1"}},
		{Model: "tiny", Delta: engine.Delta{Reasoning: "R2", Text: "T1", Calls: []engine.CallDelta{{Index: 0, ID: "c0", Name: "f", Arguments: `{"a":`}}}},
		{Model: "tiny", Delta: engine.Delta{Calls: []engine.CallDelta{{Index: 0, Arguments: `1}`}, {Index: 1, ID: "c1", Name: "g"}}}},
		{Model: "tiny", Delta: engine.Delta{Calls: []engine.CallDelta{{Index: 1, Arguments: `{}`}}}},
		{Model: "tiny", Delta: engine.Delta{Text: "T2", Finish: engine.Called, Usage: engine.Usage{PromptTokens: 7, AnswerTokens: 8}}},
	}
	for _, thoughts := range []Thoughts{NoThoughts, OmittedThoughts, ShownThoughts} {
		s, w := NewStream(fixed, thoughts), NewWhole(fixed, thoughts)
		var frames []byte
		for _, e := range events {
			frames = append(frames, s.Frames(e)...)
			w.Add(e)
		}
		if got, want := accumulate(t, frames), string(w.Encode()); got != want {
			t.Errorf("thoughts %q:\nstream %s\nwhole  %s", thoughts, got, want)
		}
		size := len("T1T2") + len(`c0f{"a":1}c1g{}`)
		if thoughts == ShownThoughts {
			size += len("R1R2")
		}
		if w.Len() != size {
			t.Errorf("thoughts %q: %d bytes, want %d", thoughts, w.Len(), size)
		}
	}
}

// accumulate puts a stream together as the official client libraries do, and
// checks the order of its events on the way.
func accumulate(t testing.TB, frames []byte) string {
	var m message
	open, stopped := -1, false
	for f := range strings.SplitSeq(strings.TrimSuffix(string(frames), "\n\n"), "\n\n") {
		name, data, _ := strings.Cut(f, "\n")
		var e struct {
			Type    string
			Index   int
			Message message
			Block   map[string]any `json:"content_block"`
			Delta   struct {
				Type, Text, Thinking, Signature string
				Partial                         string  `json:"partial_json"`
				StopReason                      *string `json:"stop_reason"`
			}
			Usage usage
		}
		if err := json.Unmarshal([]byte(strings.TrimPrefix(data, "data: ")), &e); err != nil || name != "event: "+e.Type || stopped {
			t.Fatalf("%v, or a wrong name, or something after the end: %q", err, f)
		}
		if open >= 0 && e.Index != open && strings.HasPrefix(e.Type, "content_block_") {
			t.Fatalf("block %d is open: %q", open, f)
		}
		switch e.Type {
		case "message_start":
			m = e.Message
		case "content_block_start":
			if open >= 0 || e.Index != len(m.Content) {
				t.Fatalf("not the next block: %q", f)
			}
			open = e.Index
			m.Content = append(m.Content, e.Block)
		case "content_block_delta":
			b := m.Content[e.Index].(map[string]any)
			for field, more := range map[string]string{"text": e.Delta.Text, "thinking": e.Delta.Thinking, "signature": e.Delta.Signature, "partial": e.Delta.Partial} {
				if before, _ := b[field].(string); more != "" {
					b[field] = before + more
				}
			}
		case "content_block_stop":
			open = -1
		case "message_delta":
			m.StopReason, m.Usage = e.Delta.StopReason, e.Usage
		case "message_stop":
			stopped = true
		}
	}
	for i, c := range m.Content {
		switch b := c.(map[string]any); b["type"] {
		case "text":
			m.Content[i] = text{"text", b["text"].(string)}
		case "thinking":
			m.Content[i] = thinking{"thinking", b["thinking"].(string), b["signature"].(string)}
		case "tool_use":
			m.Content[i] = toolUse{"tool_use", b["id"].(string), b["name"].(string), json.RawMessage(b["partial"].(string))}
		}
	}
	return string(wire.Encode(m))
}
