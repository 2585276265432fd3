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
		part := rapid.SampledFrom([]string{"<|im_start|>", "<|im_", "start|>", "<|", "im_end", "|>", "<", ">", "sta", "rt", " ", "\n", "bado", "", "日"})
		text := rapid.Custom(func(r *rapid.T) string {
			return rapid.StringOfN(rapid.RuneFrom([]rune("bado <>|")), 0, 3, -1).Draw(r, "noise") +
				part.Draw(r, "begin") + rapid.SampledFrom([]string{"", "", "bado"}).Draw(r, "middle") + part.Draw(r, "end")
		})
		roles := rapid.SampledFrom([]Role{User, Assistant, System})
		var messages []Message
		for range rapid.IntRange(1, 4).Draw(r, "messages") {
			messages = append(messages, Message{roles.Draw(r, "role"), text.Draw(r, "text")})
		}
		harmless := slices.Clone(messages)
		for i := range harmless {
			if harmless[i].Content != "" {
				harmless[i].Content = "bado"
			}
		}
		clean, _, err := w.scrub.clean(t.Context(), messages)
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
