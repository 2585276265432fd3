package openai

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"abaton.local/chat"
	"abaton.local/engine"
)

// What says nothing is as published, wherever it stands, and may be padded.
func TestEmpty(t *testing.T) {
	doc := openAPI(t)
	said := []chat.Event{
		{Model: "tiny", Delta: engine.Delta{Reasoning: "Hm."}},
		{Model: "tiny", Delta: engine.Delta{Text: "Pa"}},
		{Model: "tiny", Delta: engine.Delta{Calls: []engine.CallDelta{{ID: "call_1", Name: "f", Arguments: "{"}}}},
		{Model: "tiny", Delta: engine.Delta{Calls: []engine.CallDelta{{Arguments: "}"}}}},
		{Model: "tiny", Delta: engine.Delta{Finish: engine.Called, Usage: engine.Usage{PromptTokens: 3, AnswerTokens: 2}}},
	}
	type stream interface {
		Frames(chat.Event) []byte
		Empty(model string) []byte
	}
	chatted, err1 := DecodeChat([]byte(`{"messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}}`))
	completed, err2 := DecodeCompletion([]byte(`{"prompt":"hi","stream":true}`))
	responded, err3 := DecodeResponse([]byte(`{"input":"hi","stream":true}`))
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	for endpoint, s := range map[string]stream{
		"chat":        NewChatStream(Answer{ID: "chatcmpl-1", Created: time.Unix(1, 0)}, chatted),
		"completions": NewCompletionStream(Answer{ID: "cmpl-1", Created: time.Unix(1, 0)}, completed),
		"responses":   NewResponseStream(Answer{ID: "resp_1", Created: time.Unix(1, 0)}, responded),
	} {
		var all []byte
		for _, e := range said {
			if endpoint == "completions" && e.Finish != "" {
				e.Finish = engine.Stopped // it knows no calls
			}
			for range 2 {
				empty := s.Empty("tiny")
				if end := bytes.TrimRight(empty, "\n"); !bytes.HasSuffix(end, []byte("}")) && string(empty) != ":\n" {
					t.Errorf("%s: spaces have no place in %q", endpoint, empty)
				}
				all = append(all, empty...)
			}
			all = append(all, s.Frames(e)...)
		}
		padded := bytes.ReplaceAll(all, []byte("}\n\n"), []byte("}    \n\n"))
		doc.stream(t, endpoint, padded)
		if n := bytes.Count(all, []byte(`"response.created"`)); endpoint == "responses" && n != 1 {
			t.Errorf("the response is opened %d times", n)
		}
	}
}
