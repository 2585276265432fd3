package ollama

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

const canary = "CANARY-7f3a"

// What a person wrote stands in no error: errors are logged and shown.
func TestErrorsQuoteNothing(t *testing.T) {
	full := `{"model":"` + canary + `","messages":[{"role":"user","content":"` + canary + `","images":["` + canary + `"]},` +
		`{"role":"assistant","content":"` + canary + `","thinking":"` + canary + `","tool_calls":[{"id":"` + canary + `","function":{"name":"a","arguments":{"x":"` + canary + `"}}}]},` +
		`{"role":"tool","tool_name":"` + canary + `","content":"` + canary + `"}],` +
		`"tools":[{"type":"function","function":{"name":"` + canary + ` ","description":"` + canary + `","parameters":{"title":"` + canary + `"}}}],` +
		`"format":"` + canary + `","keep_alive":"` + canary + `","think":"` + canary + `","options":{"stop":["` + canary + `"],"seed":"` + canary + `"}}`
	for i := 0; i <= len(full); i++ { // cut anywhere, and with each string in turn made a number
		for _, body := range []string{full[:i], full[:i] + "7", full[:i] + full[min(i+1, len(full)):]} {
			for _, decode := range decoders {
				if _, err := decode([]byte(body)); err != nil && strings.Contains(err.Error(), canary) {
					t.Fatalf("%s\nquotes the request: %v", body, err)
				}
			}
		}
	}
	for _, field := range []string{`"format":"` + canary + `"`, `"keep_alive":"` + canary + `"`, `"think":"` + canary + `"`, `"stream":"` + canary + `"`,
		`"messages":[{"role":"` + canary + `"}]`, `"messages":[{"role":"user","images":["` + canary + `!"]}]`, `"tools":[{"type":"` + canary + `"}]`,
		`"tools":[{"function":{"name":"` + canary + ` "}}]`, `"options":{"seed":"` + canary + `"}`, `"model":"` + canary + `\n"`,
		`"messages":[{"role":"tool","tool_call_id":"` + canary + `"}]`, `"context":["` + canary + `"]`, `"input":["` + canary + `",""]`} {
		for name, decode := range decoders {
			_, err := decode([]byte("{" + field + "}"))
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("%s: %s is quoted: %v", name, field, err)
			}
		}
	}
}

// Sizes that no reader of transcripts wants to see.
func TestSizes(t *testing.T) {
	message := `{"role":"user","content":"a"},`
	for body, ok := range map[string]bool{
		`{"messages":[` + strings.Repeat(message, maxMessages-1) + message[:len(message)-1] + `]}`:                                                                                       true,
		`{"messages":[` + strings.Repeat(message, maxMessages) + message[:len(message)-1] + `]}`:                                                                                         false,
		`{"messages":[{"role":"user","content":"` + strings.Repeat("é", 1<<20) + `"}]}`:                                                                                                  true,
		`{"format":` + strings.Repeat(`{"a":`, 62) + `{}` + strings.Repeat("}", 62) + `}`:                                                                                                true, // the engine's to judge
		`{"messages":` + strings.Repeat("[", 1<<20) + `}`:                                                                                                                                false,
		`{"options":{"seed":` + strings.Repeat("9", 1<<16) + `}}`:                                                                                                                        false,
		`{"messages":[` + strings.Repeat(`{"role":"assistant","tool_calls":[`+strings.Repeat(`{"function":{"name":"a"}},`, 127)+`{"function":{"name":"a"}}]},`, 9) + `{"role":"user"}]}`: false,
		`{"messages":[{"role":"assistant","tool_calls":[` + strings.Repeat(`{"function":{"name":"a"}},`, 128) + `0]}]}`:                                                                  false,
	} {
		if _, err := DecodeChat([]byte(body)); (err == nil) != ok {
			t.Errorf("%.60s…: %v", body, err)
		}
	}
}

// decoders are all there are, by path.
var decoders = map[string]func([]byte) (any, error){
	"chat":       func(b []byte) (any, error) { return DecodeChat(b) },
	"generate":   func(b []byte) (any, error) { return DecodeGenerate(b) },
	"embed":      func(b []byte) (any, error) { return DecodeEmbed(b) },
	"embeddings": func(b []byte) (any, error) { return DecodeEmbeddings(b) },
	"show":       func(b []byte) (any, error) { return DecodeShow(b) },
}

// FuzzDecode holds that what decodes is sound, and means the same when it is
// written as a client would and decoded again.
func FuzzDecode(f *testing.F) {
	seeds, err := filepath.Glob("testdata/fuzz/FuzzDecode/*")
	if err != nil || len(seeds) < 40 {
		f.Fatalf("only %d seeds are here: %v", len(seeds), err)
	}
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		decode := decoders[path]
		if decode == nil {
			return
		}
		got, err := decode(body)
		if err != nil {
			bad, ok := errors.AsType[*wire.BadRequest](err)
			if !ok {
				t.Fatalf("%T is no *wire.BadRequest", err)
			}
			if p := bad.Problem(); p.Status != 400 || p.Message == "" || !utf8.ValidString(p.Message) || !json.Valid(Body(p)) {
				t.Fatalf("%+v", p)
			}
			return
		}
		if !utf8.Valid(body) || !json.Valid(body) {
			t.Fatal("took what is not JSON in UTF-8")
		}
		var written any
		switch got := got.(type) {
		case Request:
			sound(t, got)
			written = writeRequest(got)
		case Embed:
			written = writeEmbed(got)
		case Show:
			written = map[string]any{"name": got.Model}
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(written); err != nil {
			t.Fatal(err)
		}
		again, err := decode(b.Bytes())
		if err != nil {
			t.Fatalf("what we decoded does not decode again: %v", err)
		}
		if d := cmp.Diff(got, again); d != "" {
			t.Fatal(d)
		}
	})
}

// sound holds a request against what its types promise.
func sound(t testing.TB, r Request) {
	if r.Load || r.Unload {
		if r.Load == r.Unload || len(r.Ask.Messages) > 0 || r.Ask.Text != "" {
			t.Fatal("asks and does not ask")
		}
	} else if (len(r.Ask.Messages) == 0) == (r.Ask.Text == "") {
		t.Fatal("a conversation and a text, or neither")
	}
	calls := map[string]bool{}
	for _, m := range r.Ask.Messages {
		if !utf8.ValidString(m.Content+m.Reasoning) || strings.ContainsRune(m.Content+m.Reasoning, 0) {
			t.Fatal("a message holds a NUL or is not UTF-8")
		}
		for _, c := range m.Calls {
			if m.Role != engine.Assistant || c.ID == "" || !plain(c.Name) || c.Arguments[0] != '{' || !json.Valid([]byte(c.Arguments)) {
				t.Fatalf("%+v", c)
			}
			calls[c.ID] = true
		}
		if (m.Role == engine.FromTool) != (m.CallID != "") || m.CallID != "" && !calls[m.CallID] {
			t.Fatalf("a result of the call %q", m.CallID)
		}
		if len(m.Images) > 0 && m.Role != engine.User {
			t.Fatal("a picture of somebody else")
		}
	}
	o := r.Ask.Options
	for _, schema := range append([][]byte{o.JSONSchema}, schemas(o.Tools)...) {
		if schema != nil && (!json.Valid(schema) || len(schema) > maxSchemaBytes) {
			t.Fatal("a schema is not JSON, or too large")
		}
	}
	if o.Seed != nil && (*o.Seed < 0 || *o.Seed > 1<<32-1) || o.MaxTokens < 0 || o.LogProbs < 0 || o.LogProbs > 21 {
		t.Fatalf("%+v", o)
	}
	if k := r.Ask.KeepAlive; k != nil && *k < 0 && *k != forever {
		t.Fatal(k)
	}
}

func schemas(tools []engine.Tool) (out [][]byte) {
	for _, t := range tools {
		out = append(out, t.Parameters)
	}
	return out
}

// writeRequest writes a request as a client would.
func writeRequest(r Request) map[string]any {
	o := r.Ask.Options
	options := map[string]any{"num_ctx": r.Ask.ContextTokens, "num_predict": o.MaxTokens}
	set(options, "temperature", o.Temperature)
	set(options, "top_p", o.TopP)
	set(options, "top_k", o.TopK)
	set(options, "min_p", o.MinP)
	set(options, "typical_p", o.TypicalP)
	set(options, "repeat_penalty", o.RepeatPenalty)
	set(options, "repeat_last_n", o.RepeatLast)
	set(options, "presence_penalty", o.PresencePenalty)
	set(options, "frequency_penalty", o.FrequencyPenalty)
	set(options, "seed", o.Seed)
	options["stop"] = o.Stop
	out := map[string]any{"model": r.Model, "stream": r.Stream, "options": options, "logprobs": o.LogProbs > 0, "top_logprobs": max(o.LogProbs-1, 0)}
	set(out, "think", o.Think)
	writeKeepAlive(out, r.Ask.KeepAlive)
	if r.Forged {
		out["cache_prompt"] = false
	}
	if len(r.Ask.Messages) > 0 {
		out["truncate"] = r.Ask.Fit
	}
	switch {
	case o.JSONSchema != nil:
		out["format"] = json.RawMessage(o.JSONSchema)
	case o.JSONObject:
		out["format"] = "json"
	}
	if r.Generate {
		out["raw"], out["prompt"] = r.Ask.Text != "", r.Ask.Text
		for _, m := range r.Ask.Messages {
			if m.Role == engine.System {
				out["system"] = m.Content
				continue
			}
			out["prompt"], out["images"] = m.Content, pictures(m)
		}
		return out
	}
	messages := []any{}
	for _, m := range r.Ask.Messages {
		one := map[string]any{"role": m.Role, "content": m.Content, "thinking": m.Reasoning, "tool_call_id": m.CallID, "images": pictures(m)}
		var calls []any
		for _, c := range m.Calls {
			calls = append(calls, map[string]any{"id": c.ID, "function": map[string]any{"name": c.Name, "arguments": json.RawMessage(c.Arguments)}})
		}
		one["tool_calls"] = calls
		messages = append(messages, one)
	}
	out["messages"] = messages
	var tools []any
	for _, t := range o.Tools {
		function := map[string]any{"name": t.Name, "description": t.Description}
		if t.Parameters != nil {
			function["parameters"] = json.RawMessage(t.Parameters)
		}
		tools = append(tools, map[string]any{"type": "function", "function": function})
	}
	out["tools"] = tools
	return out
}

func writeEmbed(e Embed) map[string]any {
	out := map[string]any{"model": e.Model, "truncate": !e.Whole, "options": map[string]any{"num_ctx": e.ContextTokens}}
	writeKeepAlive(out, e.KeepAlive)
	if e.Forged {
		out["id_slot"] = 0
	}
	if e.Old {
		out["prompt"] = strings.Join(e.Texts, "")
		return out
	}
	out["input"], out["dimensions"] = e.Texts, e.Dimensions
	return out
}

func set[T any](into map[string]any, name string, v *T) {
	if v != nil {
		into[name] = *v
	}
}

func writeKeepAlive(into map[string]any, long *time.Duration) {
	switch {
	case long == nil:
	case *long < 0:
		into["keep_alive"] = -1
	default:
		into["keep_alive"] = long.String()
	}
}

// pictures are bytes, which encoding/json makes base64 of.
func pictures(m engine.Message) (out [][]byte) {
	for _, p := range m.Images {
		out = append(out, p.PNG)
	}
	return out
}
