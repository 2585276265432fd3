package engine

import (
	"strings"
	"testing"

	"abaton.local/internal/ggufgen"
)

// reasonTemplate begins an answer within its reasoning, unless that is unwanted.
const reasonTemplate = "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' }}{%- if message.reasoning_content %}{{- '<think>\\n' + message.reasoning_content + '\\n</think>\\n\\n' }}{%- endif %}{{- message.content + '<|im_end|>\\n' }}{%- endfor %}" +
	"{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n' }}{%- if enable_thinking is defined and enable_thinking is false %}{{- '\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"

// What a model reasons comes by itself, its end and beginning are not told, and
// the person steers whether there is any.
func TestReasoning(t *testing.T) {
	e, ask := startTiny(t, func(f *ggufgen.File) {
		f.Set("tokenizer.chat_template", reasonTemplate)
		f.Set("tokenizer.ggml.add_space_prefix", false)
	}, nil)
	p := ask("bado", 8)
	p.Options.Think = new(true)
	s, err := hear(t, t.Context(), e, p)
	if err != nil || s.reasoning == "" || s.text != "" || strings.Contains(s.reasoning, "think>") {
		t.Errorf("%+v %v", s, err)
	}
	p.Options.Think = new(false)
	if s, err = hear(t, t.Context(), e, p); err != nil || s.reasoning != "" || s.text == "" {
		t.Errorf("%+v %v", s, err)
	}
	// Sent back it stands in the prompt, and is counted.
	p.Messages = append(p.Messages, Message{Role: Assistant, Content: "deba"}, Message{Role: User, Content: "bado"})
	without, err := hear(t, t.Context(), e, p)
	if err != nil {
		t.Fatal(err)
	}
	p.Messages[1].Reasoning = "babebibobu"
	with, err := hear(t, t.Context(), e, p)
	if err != nil || with.last.Usage.PromptTokens < without.last.Usage.PromptTokens+5 {
		t.Errorf("%+v %+v %v", with.last, without.last, err)
	}
}
