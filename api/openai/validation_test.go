package openai

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

const (
	ask    = `"model":"m","messages":[{"role":"user","content":"hi"}]`
	tool   = `{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}`
	flatly = `{"type":"function","name":"f","parameters":{"type":"object"}}`
)

// TestValidation is what other servers of this dialect are tested for: vLLM's
// and llama-server's public API tests name the cases. A code of "" is for what
// must be taken.
func TestValidation(t *testing.T) {
	chat := func(b []byte) error { _, err := DecodeChat(b); return err }
	older := func(b []byte) error { _, err := DecodeCompletion(b); return err }
	response := func(b []byte) error { _, err := DecodeResponse(b); return err }
	embed := func(b []byte) error { _, err := DecodeEmbedding(b); return err }
	rank := func(b []byte) error { _, err := DecodeRerank(b); return err }
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for _, c := range []struct {
		name   string
		decode func([]byte) error
		body   string
		code   wire.Code
		param  string
	}{
		// The body.
		{"a text", chat, `"this is no object"`, wire.InvalidJSON, ""},
		{"a list", chat, `["not","an","object"]`, wire.InvalidJSON, ""},
		{"a number", chat, `42`, wire.InvalidJSON, ""},
		{"null", chat, `null`, wire.InvalidJSON, ""},
		{"a key twice", older, `{"prompt":"a","prompt":"b"}`, wire.InvalidJSON, ""},
		{"a key twice inside", response, `{"input":[{"role":"user","role":"system","content":"a"}]}`, wire.InvalidJSON, ""},
		{"deep", chat, `{` + ask + `,"metadata":` + deep(70) + `}`, wire.InvalidJSON, ""},

		// Messages.
		{"no messages", chat, `{"messages":null}`, wire.Missing, "messages"},
		{"messages in a string", chat, `{"messages":"string"}`, wire.Invalid, "messages"},
		{"a number as message", chat, `{"messages":[123]}`, wire.Invalid, "messages[0]"},
		{"an empty message", chat, `{"messages":[{}]}`, wire.Missing, "messages[0].role"},
		{"a number as role", chat, `{"messages":[{"role":123}]}`, wire.Invalid, "messages[0].role"},
		{"a number as content", chat, `{"messages":[{"role":"system","content":123}]}`, wire.Invalid, "messages[0].content"},
		{"an empty message at the end", chat, `{"messages":[{"role":"system","content":"test"},{}]}`, wire.Missing, "messages[1].role"},
		{"a role of one's own", chat, `{"messages":[{"role":"my-custom-role","content":"a"}]}`, wire.Invalid, "messages[0].role"},
		{"a field of one's own", chat, `{"messages":[{"role":"user","content":"a","extra_field":"0"}]}`, wire.Unknown, "messages[0].extra_field"},
		{"an empty text", chat, `{"messages":[{"role":"user","content":""}]}`, "", ""},
		{"a picture for the system", chat, `{"messages":[{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://example.com/image.jpg"}}]}]}`, wire.Unsupported, "messages[0].content[0]"},
		{"a picture without its type", chat, `{"messages":[{"role":"system","content":[{"image_url":{"url":"https://example.com/image.jpg"}}]}]}`, wire.Missing, "messages[0].content[0].type"},
		{"sound", chat, `{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]}]}`, wire.Unsupported, "messages[0].content[0].type"},
		{"a film", chat, `{"messages":[{"role":"user","content":[{"type":"video_url","video_url":{"url":"https://example.com/v.mp4"}}]}]}`, wire.Unsupported, "messages[0].content[0].type"},
		{"parts of text", chat, `{"messages":[{"role":"user","content":[{"type":"text","text":"What is"},{"type":"text","text":"the best book"}]}]}`, "", ""},

		// Numbers.
		{"seed beyond 64 bits", chat, `{` + ask + `,"seed":9223372036854775808}`, wire.Invalid, "seed"},
		{"seed far below", chat, `{` + ask + `,"seed":-9223372036854775809}`, wire.Invalid, "seed"},
		{"seed beyond doubles", chat, `{` + ask + `,"seed":9007199254740993}`, wire.Invalid, "seed"},
		{"seed as a fraction", chat, `{` + ask + `,"seed":1.5}`, wire.Invalid, "seed"},
		{"temperature in words", chat, `{` + ask + `,"temperature":"hot"}`, wire.Invalid, "temperature"},
		{"temperature without end", chat, `{` + ask + `,"temperature":1e400}`, wire.Invalid, "temperature"},
		{"top_p above", older, `{"prompt":"a","top_p":1.1}`, wire.Invalid, "top_p"},
		{"more than 20 likeliest", chat, `{` + ask + `,"logprobs":true,"top_logprobs":21}`, wire.Invalid, "top_logprobs"},
		{"likeliest below none", chat, `{` + ask + `,"logprobs":true,"top_logprobs":-1}`, wire.Invalid, "top_logprobs"},
		{"likeliest unasked", chat, `{` + ask + `,"top_logprobs":5}`, wire.Invalid, "top_logprobs"},
		{"likeliest unasked in words", chat, `{` + ask + `,"logprobs":false,"top_logprobs":1}`, wire.Invalid, "top_logprobs"},
		{"no likeliest", chat, `{` + ask + `,"logprobs":true,"top_logprobs":0}`, "", ""},
		{"bias towards a token", chat, `{` + ask + `,"logit_bias":{"1":1.0}}`, wire.Unsupported, "logit_bias"},
		{"bias towards no token", chat, `{` + ask + `,"logit_bias":{"not_a_token_id":50}}`, wire.Unsupported, "logit_bias"},
		{"usage without a stream", chat, `{` + ask + `,"stream_options":{"include_usage":true}}`, wire.Invalid, "stream_options"},
		{"stream said no, options said nothing", chat, `{` + ask + `,"stream":false,"stream_options":null}`, "", ""},

		// Forms.
		{"a schema without its schema", chat, `{` + ask + `,"response_format":{"type":"json_schema"}}`, wire.Invalid, "response_format"},
		{"a form that is none", chat, `{` + ask + `,"response_format":{"type":"sound"}}`, wire.Invalid, "response_format.type"},
		{"an object with a number as schema", chat, `{` + ask + `,"response_format":{"type":"json_object","schema":123}}`, wire.Invalid, "response_format.schema"},
		{"an object with a schema", chat, `{` + ask + `,"response_format":{"type":"json_object","schema":{"const":"42"}}}`, "", ""},
		{"a text with a schema", chat, `{` + ask + `,"response_format":{"type":"text","schema":{"const":"42"}}}`, wire.Invalid, "response_format.schema"},
		{"a schema above 64 KiB", chat, `{` + ask + `,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"title":"` + strings.Repeat("a", maxSchemaBytes) + `"}}}}`, wire.Invalid, "response_format.json_schema.schema"},
		{"a grammar", chat, `{` + ask + `,"grammar":"root ::= \"a\""}`, wire.Unsupported, "grammar"},
		{"structured outputs", chat, `{` + ask + `,"structured_outputs":{"regex":{"1":"Python"}}}`, wire.Unsupported, "structured_outputs"},

		// Tools.
		{"a tool that is chosen and not there", chat, `{` + ask + `,"tool_choice":{"type":"function","function":{"name":"f"}}}`, wire.Invalid, "tool_choice"},
		{"another tool chosen", chat, `{` + ask + `,"tools":[` + tool + `],"tool_choice":{"type":"function","function":{"name":"g"}}}`, wire.Invalid, "tool_choice"},
		{"a choice of nothing", chat, `{` + ask + `,"tools":[` + tool + `],"tool_choice":{}}`, wire.Unsupported, "tool_choice.type"},
		{"a bogus choice", chat, `{` + ask + `,"tools":[` + tool + `],"tool_choice":"bogus"}`, wire.Invalid, "tool_choice"},
		{"null as choice", chat, `{` + ask + `,"tools":[` + tool + `],"tool_choice":null}`, "", ""},
		{"null as choice of no tools", chat, `{` + ask + `,"tool_choice":null}`, "", ""},
		{"a must without tools", chat, `{` + ask + `,"tools":[],"tool_choice":"required"}`, wire.Invalid, "tool_choice"},
		{"no arguments as an empty text", chat, `{"messages":[{"role":"user","content":"a"},{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":""}}]},{"role":"tool","tool_call_id":"1","content":"b"}]}`, "", ""},
		{"tool parameters above 64 KiB", chat, `{` + ask + `,"tools":[{"type":"function","function":{"name":"f","parameters":{"title":"` + strings.Repeat("a", maxSchemaBytes) + `"}}}]}`, wire.Invalid, "tools[0].function.parameters"},
		{"an effort that is none", chat, `{` + ask + `,"reasoning_effort":7}`, wire.Invalid, "reasoning_effort"},

		// Completions.
		{"no prompt", older, `{"model":"m","prompt":null,"prompt_embeds":[]}`, wire.Missing, "prompt"},
		{"an empty list of prompts", older, `{"prompt":[]}`, wire.Invalid, "prompt"},
		{"tokens out of the vocabulary", older, `{"prompt":[999999]}`, wire.Unsupported, "prompt"},
		{"tokens below none", older, `{"prompt":[[-1]]}`, wire.Unsupported, "prompt"},
		{"log probabilities below none", older, `{"prompt":"a","logprobs":-1}`, wire.Invalid, "logprobs"},
		{"log probabilities of a prompt", older, `{"prompt":"a","prompt_logprobs":1}`, wire.Unknown, "prompt_logprobs"},
		{"numbers of tokens to stop at", older, `{"prompt":"a","stop_token_ids":["x"]}`, wire.Unsupported, "stop_token_ids"},
		{"beams", older, `{"prompt":"a","use_beam_search":true}`, wire.Unknown, "use_beam_search"},

		// Responses.
		{"input of nothing", response, `{"input":[]}`, wire.Invalid, "input"},
		{"a call without its id", response, `{"input":[{"type":"function_call","name":"f","arguments":"{}"}]}`, wire.Missing, "input[0].call_id"},
		{"reasoning without an id", response, `{"input":[{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"why"}],"encrypted_content":null}]}`, "", ""},
		{"an answer without its id", response, `{"input":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"hello"}]}]}`, "", ""},
		{"an answer with a newer library's empty fields", response, `{"input":[{"type":"function_call","id":"x","call_id":"c","name":"f","arguments":"{}","status":"completed","async_":null,"namespace":null}]}`, "", ""},
		{"an answer with its citations", response, `{"input":[{"type":"message","role":"assistant","id":"m","status":"completed","content":[{"type":"output_text","text":"hello","annotations":[{"type":"url_citation","url":"http://x","title":"t","start_index":0,"end_index":1}]}]}]}`, "", ""},
		{"a developer's word", response, `{"input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"Be brief."}]},{"role":"user","content":"a"}]}`, "", ""},
		{"a format without its schema", response, `{"input":"a","text":{"format":{"type":"json_schema","name":"test"}}}`, wire.Missing, "text.format.schema"},
		{"in the background", response, `{"input":"a","background":true}`, wire.Unsupported, "background"},
		{"a tool in the other form", response, `{"input":"a","tools":[` + tool + `]}`, wire.Unknown, "tools[0].function"},
		{"a tool", response, `{"input":"a","tools":[` + flatly + `],"tool_choice":"required"}`, "", ""},

		// Embeddings and ranks.
		{"an empty text among texts", embed, `{"input":["a",""]}`, wire.Invalid, "input[1]"},
		{"tokens to embed", embed, `{"input":[[1,2],[3]]}`, wire.Unsupported, "input"},
		{"dimensions below one", embed, `{"input":"a","dimensions":0}`, wire.Invalid, "dimensions"},
		{"a text that is cut", embed, `{"input":"a","truncate_prompt_tokens":5}`, wire.Unknown, "truncate_prompt_tokens"},
		{"no documents", rank, `{"query":"q","documents":[]}`, wire.Invalid, "documents"},
		{"numbers as documents", rank, `{"query":"q","documents":[1,2,3]}`, wire.Invalid, "documents[0]"},
		{"a number as documents", rank, `{"query":"q","documents":123}`, wire.Invalid, "documents"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.decode([]byte(c.body))
			bad, _ := errors.AsType[*wire.BadRequest](err)
			switch {
			case c.code == "" && err != nil:
				t.Errorf("refused: %v (%+v)", err, bad)
			case c.code == "":
			case bad == nil:
				t.Errorf("taken, or %v", err)
			case bad.Code != c.code || bad.Param != c.param:
				t.Errorf("%s at %q: %v", bad.Code, bad.Param, bad)
			}
		})
	}
}

// TestThinking: the template's own word wins over an effort, in any order.
func TestThinking(t *testing.T) {
	for _, fields := range []string{
		`"reasoning_effort":"none","chat_template_kwargs":{"enable_thinking":true}`,
		`"chat_template_kwargs":{"enable_thinking":true},"reasoning_effort":"none"`,
	} {
		req, err := DecodeChat([]byte(`{` + ask + `,` + fields + `}`))
		if err != nil || req.Ask.Options.Think == nil || !*req.Ask.Options.Think {
			t.Errorf("%s: %v, %v", fields, req.Ask.Options.Think, err)
		}
	}
}

// TestForged: what reaches for an engine's slots is left out, noted, and
// changes nothing, whatever it holds.
func TestForged(t *testing.T) {
	plain, err := DecodeChat([]byte(`{` + ask + `}`))
	if err != nil || plain.Forged {
		t.Fatal(plain.Forged, err)
	}
	for _, name := range []string{"id_slot", "slot_id", "cache_prompt", "cache_salt", "n_cache_reuse"} {
		for _, value := range []string{`1`, `-1`, `true`, `"x"`, `[1]`, `{"a":1}`} {
			req, err := DecodeChat(fmt.Appendf(nil, `{%s,"%s":%s}`, ask, name, value))
			if err != nil || !req.Forged || req.Ask.Options.Seed != nil || len(req.Ask.Messages) != 1 {
				t.Errorf("%s: %+v, %v", name, req, err)
			}
			r, err := DecodeResponse(fmt.Appendf(nil, `{"input":"a","%s":%s}`, name, value))
			if err != nil || !r.Forged {
				t.Errorf("%s: %v", name, err)
			}
			c, err := DecodeCompletion(fmt.Appendf(nil, `{"prompt":"a","%s":%s}`, name, value))
			if err != nil || !c.Forged {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestProblems: the types that client libraries make exceptions of.
func TestProblems(t *testing.T) {
	for status, kind := range map[int]string{
		400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error", 408: "invalid_request_error",
		413: "invalid_request_error", 422: "invalid_request_error", 429: "rate_limit_error", 500: "server_error", 503: "server_error",
	} {
		got := string(Body(wire.Problem{Status: status, Message: "m", Code: "c"}))
		if want := `{"error":{"message":"m","type":"` + kind + `","param":null,"code":"c"}}`; got != want {
			t.Errorf("%d: %s", status, got)
		}
	}
	if p := NotDeleted(); p.Status != 403 || !strings.Contains(p.Message, "abaton models rm") {
		t.Errorf("%+v", p)
	}
}

// TestVectorsOfAnotherLength are a bad request after the work is done.
func TestVectorsOfAnotherLength(t *testing.T) {
	_, err := EmbeddingRequest{Dimensions: 2}.Encode("m", engine.Vectors{Of: [][]float32{{1, 2}, {1, 2, 3}}})
	if bad, is := errors.AsType[*wire.BadRequest](err); !is || bad.Param != "dimensions" {
		t.Error(err)
	}
}
