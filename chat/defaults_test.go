package chat

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"abaton.local/engine"
)

// What a question says stands; the rest is the model's defaults.
func TestDefaultsFillWhatIsNotSaid(t *testing.T) {
	g := &script{deltas: []engine.Delta{{Text: "hi", Finish: engine.Stopped}}}
	a := New(g, tiny).WithDefaults(func(name string) Defaults {
		if name != "tiny" {
			return Defaults{}
		}
		return Defaults{Instruction: "Be brief.", ContextTokens: 2048, Options: engine.Options{Temperature: new(0.2), TopK: new(40), MaxTokens: 100}}
	})
	user := engine.Message{Role: engine.User, Content: "hi"}
	own := engine.Message{Role: engine.System, Content: "Be long."}
	for _, ask := range []Ask{
		{Model: "tiny", Messages: []engine.Message{user}},
		{Model: "tiny", Messages: []engine.Message{own, user}, Options: engine.Options{Temperature: new(1.0), MaxTokens: 7}, ContextTokens: 512},
		{Model: "tiny", Text: "once"},
		{Messages: []engine.Message{user}},
	} {
		if _, err := collect(a.Answer(t.Context(), owner, ask)); err != nil {
			t.Fatal(err)
		}
	}
	brief := engine.Message{Role: engine.System, Content: "Be brief."}
	want := []engine.Prompt{
		{Messages: []engine.Message{brief, user}, ContextTokens: 2048, Options: engine.Options{Temperature: new(0.2), TopK: new(40), MaxTokens: 100}},
		{Messages: []engine.Message{own, user}, ContextTokens: 512, Options: engine.Options{Temperature: new(1.0), TopK: new(40), MaxTokens: 7}},
		{Text: "once", ContextTokens: 2048, Options: engine.Options{Temperature: new(0.2), TopK: new(40), MaxTokens: 100}},
		{Messages: []engine.Message{user}},
	}
	for i := range want {
		want[i].Person, want[i].Model = "owner", tiny.passport.Digest
	}
	if d := cmp.Diff(want, g.heard); d != "" {
		t.Error(d)
	}
}
