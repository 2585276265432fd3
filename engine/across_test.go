package engine

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The promise, for whatever texts are joined in whatever order: messages are
// refused exactly when the engine would read a mark in the prompt that the
// template did not set. The real tokenizer of the engine is the judge, asked
// about the whole prompt. The control: both verdicts were met.
func TestJoinedTextsAreJudgedByTheWholePrompt(t *testing.T) {
	f := family{name: "bare", template: "{% for m in messages %}{{ m['content'] | trim }}{% endfor %}", marks: []string{"<|im_start|>", "<|im_end|>"}}
	e, ask := f.in(t, 3)
	p := ask("", 1)
	if err := e.Warm(t.Context(), p.Person, p.Model); err != nil {
		t.Fatal(err)
	}
	w := workerOf(t, e, p)
	var refused, taken int
	rapid.Check(t, func(r *rapid.T) {
		// Few texts, so that some go on where another one ended.
		text := rapid.SampledFrom([]string{"<|im_", "start|>", "<|im_\n", " start|>", "<|im_sta", "rt|> bado", "bado", ""})
		roles := rapid.SampledFrom([]Role{User, Assistant, System})
		var messages []Message
		for range rapid.IntRange(1, 6).Draw(r, "messages") {
			messages = append(messages, Message{Role: roles.Draw(r, "role"), Content: text.Draw(r, "text")})
		}
		harmless := slices.Clone(messages)
		for i := range harmless {
			if harmless[i].Content != "" {
				harmless[i].Content = "bado"
			}
		}
		clean, err := cleaned(t.Context(), w, messages)
		if err != nil {
			faultOf(t, err, BadRequest)
			refused++
		} else {
			taken++
		}
		if more := marksIn(t, w, clean, f.marks) > marksIn(t, w, harmless, f.marks); more != (err != nil) {
			r.Errorf("%q: more marks: %v; %v", clean, more, err)
		}
	})
	if refused == 0 || taken == 0 {
		t.Errorf("the control: %d refused, %d taken", refused, taken)
	}
}
