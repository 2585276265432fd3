package engine

import (
	"context"
	"strings"
	"testing"
)

func TestAnswer(t *testing.T) {
	e := start(t, nil)
	text, last, err := collect(t.Context(), e, ask("What is the capital of France?", 16))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "Paris") || last.Usage.PromptTokens < 8 || last.Usage.AnswerTokens < 3 {
		t.Errorf("%q %+v", text, last)
	}
	text, last, err = collect(context.Background(), e, ask("Count to one hundred.", 4))
	if err != nil || last.Finish != Length || last.Usage.AnswerTokens != 4 {
		t.Errorf("%q %+v %v", text, last, err)
	}
}
