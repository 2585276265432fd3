package openai

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

// meansTheSame holds the property of every decoder: what it takes, written anew as a
// client would, has the same meaning.
func meansTheSame[R any](f *testing.F, decode func([]byte) (R, error), check func(*testing.T, R), encode func(R) map[string]any) {
	seeds, err := filepath.Glob("testdata/fuzz/" + f.Name() + "/*")
	if err != nil || len(seeds) < 10 {
		f.Fatalf("only %d seeds are here: %v", len(seeds), err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := decode(body)
		if err != nil {
			if _, ok := errors.AsType[*wire.BadRequest](err); !ok {
				t.Fatalf("%T is no *wire.BadRequest", err)
			}
			return
		}
		if !utf8.Valid(body) || !json.Valid(body) {
			t.Fatal("took what is not JSON in UTF-8")
		}
		check(t, req)
		written := wire.Encode(encode(req))
		second, err := decode(written)
		if err != nil {
			t.Fatalf("what we decoded does not decode again: %v\n%s", err, written)
		}
		everything := cmp.Exporter(func(reflect.Type) bool { return true })
		if d := cmp.Diff(req, second, everything, cmp.FilterValues(bothJSON, cmp.Comparer(sameJSON))); d != "" {
			t.Fatalf("%s\n%s", d, written)
		}
	})
}

// bothJSON tells whether two values are schemas, or parts of a request that are
// shown again: writing them takes their white space away.
func bothJSON(a, b []byte) bool { return json.Valid(a) && json.Valid(b) }

func sameJSON(a, b []byte) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

func FuzzDecode(f *testing.F) { meansTheSame(f, DecodeChat, checkAsk, encodeChat) }
func FuzzCompletion(f *testing.F) {
	meansTheSame(f, DecodeCompletion, func(t *testing.T, r CompletionRequest) {
		if checkOptions(t, r.Ask.Options); len(r.Prompts) == 0 || len(r.Prompts) > maxPrompts || r.Ask.Text != r.Prompts[0] {
			t.Fatalf("%d prompts", len(r.Prompts))
		}
	}, encodeCompletion)
}
func FuzzEmbedding(f *testing.F) {
	meansTheSame(f, DecodeEmbedding, func(t *testing.T, r EmbeddingRequest) { checkTexts(t, r.Texts) }, func(r EmbeddingRequest) map[string]any {
		m := map[string]any{"input": r.Texts, "model": r.Model}
		set(m, "encoding_format", r.Base64, "base64")
		set(m, "dimensions", r.Dimensions != 0, r.Dimensions)
		return m
	})
}
func FuzzRerank(f *testing.F) {
	meansTheSame(f, DecodeRerank, func(t *testing.T, r RerankRequest) { checkTexts(t, r.Texts) }, func(r RerankRequest) map[string]any {
		m := map[string]any{"query": r.Query, "model": r.Model}
		set(m, "top_n", r.Top != 0, r.Top)
		texts, back := "documents", "return_documents"
		if r.older {
			texts, back = "texts", "return_text"
		}
		m[texts], m[back] = r.Texts, r.Return
		return m
	})
}
func FuzzResponse(f *testing.F) {
	meansTheSame(f, DecodeResponse, func(t *testing.T, r ResponseRequest) {
		if r.Previous == "" {
			checkAsk(t, r.Request)
		} else if r.Ask.Messages != nil {
			t.Fatal("there are messages without those before them")
		}
	}, encodeResponse)
}

func checkTexts(t *testing.T, texts []string) {
	if len(texts) == 0 || len(texts) > maxTexts {
		t.Fatalf("%d texts", len(texts))
	}
	for _, s := range texts {
		if s == "" || !clean(s) {
			t.Fatalf("%q", s)
		}
	}
}

func clean(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// checkAsk holds a question against what package engine promises itself.
func checkAsk(t *testing.T, req Request) {
	calls := map[string]bool{}
	if len(req.Ask.Messages) == 0 || len(req.Ask.Messages) > maxMessages {
		t.Fatalf("%d messages", len(req.Ask.Messages))
	}
	for _, m := range req.Ask.Messages {
		if !clean(m.Content) || !clean(m.Reasoning) || !clean(m.CallID) {
			t.Fatal("a message holds a NUL or is not UTF-8")
		}
		switch m.Role {
		case engine.System, engine.User, engine.Assistant:
			if m.CallID != "" {
				t.Fatal("an answer to a call is not a tool's")
			}
		case engine.FromTool:
			if !calls[m.CallID] {
				t.Fatal("a tool answers what nobody asked")
			}
		default:
			t.Fatalf("role %q", m.Role)
		}
		if m.Role != engine.Assistant && (len(m.Calls) > 0 || m.Reasoning != "") {
			t.Fatal("somebody else speaks for the assistant")
		}
		for _, c := range m.Calls {
			calls[c.ID] = true
			if !toolName.MatchString(c.Name) || c.ID == "" || !json.Valid([]byte(c.Arguments)) {
				t.Fatalf("%+v", c)
			}
		}
	}
	for _, p := range req.Pictures {
		if len(p.Raw) == 0 || req.Ask.Messages[p.Message].Role != engine.User {
			t.Fatal("a picture is empty, or not the person's")
		}
	}
	checkOptions(t, req.Ask.Options)
}

func checkOptions(t *testing.T, o engine.Options) {
	names := map[string]bool{}
	for _, tool := range o.Tools {
		if names[tool.Name] || !toolName.MatchString(tool.Name) || tool.Parameters != nil && !json.Valid(tool.Parameters) {
			t.Fatalf("tool %q", tool.Name)
		}
		names[tool.Name] = true
	}
	if o.OnlyTool != "" && (o.ToolChoice != engine.MustCall || !names[o.OnlyTool]) || o.ToolChoice != "" && len(o.Tools) == 0 || len(o.Tools) > maxTools {
		t.Fatalf("choice %q %q of %d", o.ToolChoice, o.OnlyTool, len(o.Tools))
	}
	if s := o.JSONSchema; s != nil && (!json.Valid(s) || len(s) > maxSchemaBytes) {
		t.Fatal("the schema is not JSON, or too large")
	}
	if o.LogProbs < 0 || o.LogProbs > 21 {
		t.Fatalf("log probabilities: %d", o.LogProbs)
	}
}

func set(m map[string]any, name string, present bool, v any) {
	if present {
		m[name] = v
	}
}

// encodeOptions writes what all requests for text share.
func encodeOptions(req Request) map[string]any {
	o := req.Ask.Options
	m := map[string]any{"model": req.Ask.Model, "stream": req.Stream}
	stream := map[string]any{}
	set(stream, "include_usage", req.IncludeUsage, true)
	set(stream, "abaton_shape", req.Shape != "", req.Shape)
	set(stream, "include_obfuscation", req.Pad != nil, req.Pad)
	set(m, "stream_options", len(stream) > 0, stream)
	set(m, "id_slot", req.Forged, 1)
	set(m, "temperature", o.Temperature != nil, o.Temperature)
	set(m, "top_p", o.TopP != nil, o.TopP)
	return m
}

func encodeSampling(req Request) map[string]any {
	o := req.Ask.Options
	m := encodeOptions(req)
	set(m, "n", req.Ask.Answers != 0, req.Ask.Answers)
	set(m, "max_tokens", o.MaxTokens != 0, o.MaxTokens)
	set(m, "top_k", o.TopK != nil, o.TopK)
	set(m, "min_p", o.MinP != nil, o.MinP)
	set(m, "typical_p", o.TypicalP != nil, o.TypicalP)
	set(m, "frequency_penalty", o.FrequencyPenalty != nil, o.FrequencyPenalty)
	set(m, "presence_penalty", o.PresencePenalty != nil, o.PresencePenalty)
	set(m, "repeat_penalty", o.RepeatPenalty != nil, o.RepeatPenalty)
	set(m, "repeat_last_n", o.RepeatLast != nil, o.RepeatLast)
	set(m, "seed", o.Seed != nil, o.Seed)
	set(m, "stop", o.Stop != nil, o.Stop)
	set(m, "response_format", o.JSONObject, map[string]string{"type": "json_object"})
	set(m, "response_format", o.JSONSchema != nil, map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": "s", "schema": json.RawMessage(o.JSONSchema)}})
	return m
}

func encodeCompletion(r CompletionRequest) map[string]any {
	m := encodeSampling(r.Request)
	m["prompt"], m["echo"] = r.Prompts, r.Echo
	set(m, "logprobs", r.Ask.Options.LogProbs > 0, r.Ask.Options.LogProbs-1)
	return m
}

func encodeChat(req Request) map[string]any {
	o := req.Ask.Options
	m := encodeSampling(req)
	m["store"] = req.Store
	set(m, "reasoning_effort", o.Think != nil, "high")
	set(m, "reasoning_effort", o.Think != nil && !*o.Think, "none")
	set(m, "logprobs", o.LogProbs > 0, true)
	set(m, "top_logprobs", o.LogProbs > 1, o.LogProbs-1)
	var messages []map[string]any
	for i, msg := range req.Ask.Messages {
		messages = append(messages, encodeMessage(i, msg, req.Pictures))
	}
	m["messages"] = messages
	if len(o.Tools) == 0 {
		return m
	}
	tools, choice, choose := []any{}, "tool_choice", func(name any) any { return map[string]any{"type": "function", "function": name} }
	for _, t := range o.Tools {
		f := map[string]any{"name": t.Name, "description": t.Description}
		set(f, "parameters", t.Parameters != nil, json.RawMessage(t.Parameters))
		if req.Legacy {
			tools = append(tools, f)
		} else {
			tools = append(tools, choose(f))
		}
	}
	if req.Legacy {
		m["functions"], choice, choose = tools, "function_call", func(name any) any { return name }
	} else {
		m["tools"], m["parallel_tool_calls"] = tools, !o.OneCall
	}
	set(m, choice, o.ToolChoice != "", o.ToolChoice)
	set(m, choice, o.OnlyTool != "", choose(map[string]string{"name": o.OnlyTool}))
	return m
}

func encodeMessage(i int, msg engine.Message, pictures []wire.Picture) map[string]any {
	m := map[string]any{"role": msg.Role, "content": msg.Content}
	set(m, "reasoning_content", msg.Reasoning != "", msg.Reasoning)
	set(m, "tool_call_id", msg.CallID != "", msg.CallID)
	parts := []any{map[string]string{"type": "text", "text": msg.Content}}
	for _, p := range pictures {
		if p.Message == i {
			parts = append(parts, map[string]any{"type": "image_url", "image_url": map[string]string{"url": dataOf(p.Raw)}})
		}
	}
	set(m, "content", len(parts) > 1, parts)
	var calls []any
	for _, c := range msg.Calls {
		calls = append(calls, map[string]any{"id": c.ID, "type": "function", "function": map[string]string{"name": c.Name, "arguments": c.Arguments}})
	}
	set(m, "tool_calls", calls != nil, calls)
	return m
}

func dataOf(raw []byte) string {
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(raw)
}

func encodeResponse(r ResponseRequest) map[string]any {
	m, o, s := encodeOptions(r.Request), r.Ask.Options, r.shown
	var items []item
	for i, e := range r.entries {
		items = append(items, e.item(head("resp_AGAIN"), i))
	}
	m["input"], m["store"], m["metadata"], m["truncation"], m["tool_choice"], m["parallel_tool_calls"] = items, r.Store, s.Metadata, s.Truncation, s.ToolChoice, s.Parallel
	m["instructions"], m["text"], m["reasoning"], m["tools"] = s.Instructions, s.Text, s.Reasoning, s.Tools
	set(m, "previous_response_id", r.Previous != "", r.Previous)
	set(m, "max_output_tokens", o.MaxTokens != 0, o.MaxTokens)
	set(m, "include", o.LogProbs > 0, []string{"message.output_text.logprobs"})
	set(m, "top_logprobs", o.LogProbs > 1, o.LogProbs-1)
	return m
}
