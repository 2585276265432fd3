package engine

import (
	"strings"
	"testing"
)

// BenchmarkClean is our own work before the first token: looking at the texts
// alone, and at what the template makes of them too.
func BenchmarkClean(b *testing.B) {
	e := start(b, func(c *Config) { c.ContextTokens = 8192 })
	p := ask("", 1)
	if err := e.Warm(b.Context(), p.Person, p.Model); err != nil {
		b.Fatal(err)
	}
	w := workerOf(b, e, p)
	long := []Message{{Role: System, Content: "Answer."}}
	for range 20 {
		long = append(long, Message{Role: User, Content: strings.Repeat("What is the capital of France? ", 10)}, Message{Role: Assistant, Content: "The capital of France is Paris."})
	}
	for name, m := range map[string][]Message{"short": {{Role: System, Content: "Answer the question truthfully and in few words."}, {Role: User, Content: "What is the capital of France?"}}, "long": append(long, Message{Role: User, Content: "And?"})} {
		b.Run(name+"/texts", func(b *testing.B) {
			for b.Loop() {
				if _, _, err := w.scrub.dirty(b.Context(), scriptTexts(b, m)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/clean", func(b *testing.B) {
			for b.Loop() {
				if _, err := cleaned(b.Context(), w, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func scriptTexts(b *testing.B, messages []Message) []string {
	b.Helper()
	s, err := newScript(Prompt{Messages: messages}, false)
	if err != nil {
		b.Fatal(err)
	}
	return s.texts()
}
