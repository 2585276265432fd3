package api

import (
	"context"
	"strings"
	"testing"

	"abaton.local/api/openai"
	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/gateway"
)

// narrow has room for no text at all.
type narrow struct{ numbers }

func (narrow) Embed(context.Context, engine.Meaning) (engine.Vectors, error) {
	return engine.Vectors{}, fault(engine.TooLong)
}

// What is too long is called as the request calls it.
func TestTooLongNamesItsField(t *testing.T) {
	h := open(t, fails(fault(engine.TooLong)), Config{Meaning: narrow{}}, gateway.Config{})
	for _, c := range [][3]string{
		{"/v1/embeddings", `{"model":"minilm","input":"a"}`, "input"},
		{"/v1/responses", `{"model":"tiny","input":"a"}`, "input"},
		{"/completions", `{"model":"tiny","prompt":"a"}`, "prompt"},
		{chatPath, plain, "messages"},
	} {
		if _, body := h.ask(t, "POST", c[0], c[1]); !strings.Contains(body, `"param":"`+c[2]+`"`) || !strings.Contains(body, "context_length_exceeded") {
			t.Errorf("%s: %s", c[0], body)
		}
	}
}

// A paced stream, too, says once how much of a conversation was left out.
func TestPacedStreamsTellWhatWasCut(t *testing.T) {
	s := &script{encoder: openai.NewChatStream(openai.Answer{}, openai.Request{}), around: usualEnvelope, drained: make(chan struct{}, 1)}
	if err := s.add(t.Context(), chat.Event{Model: "tiny", Cut: 3, Delta: engine.Delta{Reasoning: "so", Text: strings.Repeat("a", 2000)}}); err != nil {
		t.Fatal(err)
	}
	if err := s.add(t.Context(), chat.Event{Model: "tiny", Delta: engine.Delta{Text: "b"}}); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for next := s.Next(512); next != nil; next = s.Next(512) {
		all.WriteString(string(next))
	}
	if strings.Count(all.String(), `"abaton_cut":3`) != 1 || strings.Count(all.String(), "aaa") < 4 {
		t.Error(all.String())
	}
}
