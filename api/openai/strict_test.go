package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

const canary = "CANARY-7f3a"

// Bodies that no text file can hold, and sizes that no reader wants to see.
func TestHostileBodies(t *testing.T) {
	wrap := func(content string) []byte {
		return []byte(`{"model":"tiny","messages":[{"role":"user","content":"` + content + `"}]}`)
	}
	for name, body := range map[string][]byte{
		"invalid UTF-8":          wrap(canary + "\xff\xfe"),
		"overlong UTF-8":         wrap(canary + "\xc0\xaf"),
		"surrogate in UTF-8":     wrap(canary + "\xed\xa0\x80"),
		"cut UTF-8":              wrap(canary + "\xe2\x82"),
		"invalid UTF-8 in a key": []byte("{\"" + canary + "\xff\":1}"),
		"raw NUL":                wrap(canary + "\x00"),
		"raw NUL after":          append(wrap(canary), 0),
		"raw newline":            wrap(canary + "\n"),
		"byte order mark":        append([]byte("\ufeff"), wrap(canary)...),
		"UTF-16":                 []byte("{\x00\"\x00m\x00"),
		"escape cut off":         wrap(canary + `\u12`),
		"escape at the end":      []byte(`{"a":"` + canary + `\`),
		"unknown escape":         wrap(canary + `\x41`),
		"pair reversed":          wrap(canary + `\ude00\ud83d`),
		"high, then a character": wrap(canary + `\ud83d\u0041`),
		"a million brackets":     []byte(strings.Repeat("[", 1<<20)),
		"a million values":       []byte(`{"messages":[` + strings.Repeat("0,", 1<<20) + `0]}`),
		"many keys":              []byte(`{"` + strings.Repeat(canary, 1000) + `":1,"` + strings.Repeat(canary, 1000) + `":2}`),
		"huge number":            []byte(`{"model":"tiny","messages":[{"role":"user","content":"hi"}],"seed":` + strings.Repeat("9", 1<<16) + `}`),
		"leading zero":           []byte(`{"seed":007}`),
		"plus":                   []byte(`{"seed":+7}`),
		"hexadecimal":            []byte(`{"seed":0x7}`),
		"NaN":                    []byte(`{"temperature":NaN}`),
		"Infinity":               []byte(`{"temperature":Infinity}`),
		"single quotes":          []byte(`{'model':'` + canary + `'}`),
		"closing too much":       []byte(`{"model":"tiny"}}`),
		"wrong bracket":          []byte(`{"messages":[}`),
		"key is a number":        []byte(`{1:2}`),
		"no colon":               []byte(`{"a" "` + canary + `"}`),
		"too many messages":      []byte(`{"messages":[` + strings.Repeat(`{"role":"user","content":"a"},`, maxMessages) + `{"role":"user","content":"a"}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(body)
			bad, ok := errors.AsType[*wire.BadRequest](err)
			if !ok {
				t.Fatalf("got %v, want a *BadRequest", err)
			}
			if p := bad.Problem(); p.Status != 400 || len(p.Message) > 300 || !utf8.ValidString(p.Message) {
				t.Errorf("%+v", p)
			}
			if name != "many keys" && strings.Contains(err.Error(), canary) {
				t.Errorf("the error quotes the request: %v", err)
			}
		})
	}
}

func TestLargestAllowed(t *testing.T) {
	long := strings.Repeat("é", 1<<20)
	req, err := Decode([]byte(`{"messages":[{"role":"user","content":"` + long + `"}],"model":"` + strings.Repeat("m", 256) + `"}`))
	if err != nil || req.Ask.Messages[0].Content != long {
		t.Error(err)
	}
	many := strings.Repeat(`{"role":"user","content":"a"},`, maxMessages-1)
	if req, err := Decode([]byte(`{"messages":[` + many + `{"role":"user","content":"a"}]}`)); err != nil || len(req.Ask.Messages) != maxMessages {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	seeds, err := filepath.Glob("testdata/fuzz/FuzzDecode/*")
	if err != nil || len(seeds) < 10 {
		f.Fatalf("only %d seeds are here: %v", len(seeds), err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		req, err := Decode(body)
		if err != nil {
			if _, ok := errors.AsType[*wire.BadRequest](err); !ok {
				t.Fatalf("%T is no *wire.BadRequest", err)
			}
			return
		}
		if !utf8.Valid(body) || !json.Valid(body) {
			t.Fatal("took what is not JSON in UTF-8")
		}
		for _, m := range req.Ask.Messages {
			if !utf8.ValidString(m.Content) || strings.ContainsRune(m.Content, 0) {
				t.Fatal("a message holds a NUL or is not UTF-8")
			}
			if m.Role != engine.System && m.Role != engine.User && m.Role != engine.Assistant {
				t.Fatalf("role %q", m.Role)
			}
		}
		if s := req.Ask.Options.JSONSchema; s != nil && (!json.Valid(s) || len(s) > maxSchemaBytes) {
			t.Fatal("the schema is not JSON, or too large")
		}
		again, err := Decode(encodeRequest(t, req))
		if err != nil {
			t.Fatalf("what we decoded does not decode again: %v", err)
		}
		if d := cmp.Diff(req, again); d != "" {
			t.Fatal(d)
		}
	})
}

// encodeRequest writes a request as a client would.
func encodeRequest(t testing.TB, req Request) []byte {
	o := req.Ask.Options
	m := map[string]any{"model": req.Ask.Model, "stream": req.Stream}
	var messages []map[string]string
	for _, msg := range req.Ask.Messages {
		messages = append(messages, map[string]string{"role": string(msg.Role), "content": msg.Content})
	}
	m["messages"] = messages
	if req.IncludeUsage {
		m["stream_options"] = map[string]bool{"include_usage": true}
	}
	set := func(name string, present bool, v any) {
		if present {
			m[name] = v
		}
	}
	set("max_completion_tokens", o.MaxTokens != 0, o.MaxTokens)
	set("temperature", o.Temperature != nil, o.Temperature)
	set("top_p", o.TopP != nil, o.TopP)
	set("top_k", o.TopK != nil, o.TopK)
	set("min_p", o.MinP != nil, o.MinP)
	set("frequency_penalty", o.FrequencyPenalty != nil, o.FrequencyPenalty)
	set("presence_penalty", o.PresencePenalty != nil, o.PresencePenalty)
	set("seed", o.Seed != nil, o.Seed)
	set("stop", o.Stop != nil, o.Stop)
	set("response_format", o.JSONObject, map[string]string{"type": "json_object"})
	if o.JSONSchema != nil {
		// Spliced in by hand: json.Marshal would compact the schema's bytes.
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		format := fmt.Appendf(nil, `,"response_format":{"type":"json_schema","json_schema":{"name":"s","schema":%s}}}`, o.JSONSchema)
		return append(bytes.TrimSuffix(b, []byte("}")), format...)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
