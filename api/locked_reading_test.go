package api

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"

	"abaton.local/engine"
	"abaton.local/library"
)

// Somebody who is locked while a model reads their passages, one by one, has it read no
// more of them.
func TestLockedWhileReading(t *testing.T) {
	for _, streams := range []string{"false", "true"} {
		var r *readers
		read := 0
		r = newReaders(t, large, func(context.Context, engine.Prompt) iter.Seq2[engine.Delta, error] {
			return func(yield func(engine.Delta, error) bool) {
				if read++; read == 2 {
					r.ada.Lock()
				}
				yes := engine.LogProb{Token: "Yes", Value: -0.1}
				yes.Top = []engine.LogProb{yes}
				yield(engine.Delta{Text: "Yes", Finish: engine.Length, LogProbs: []engine.LogProb{yes}}, nil)
			}
		})
		l, err := r.Documents(t.Context(), r.ada)
		if err != nil {
			t.Fatal(err)
		}
		for _, floor := range []string{"first", "second", "third"} {
			if _, err := l.Add(t.Context(), library.File{Library: "house", Path: floor, Name: floor + ".txt", Data: fmt.Appendf(nil, "The notice period for the flat on the %s floor stands in another letter.", floor)}); err != nil {
				t.Fatal(err)
			}
		}
		_, body := r.ask(r.ada, chatPath, `{"model":"large","library":"house","stream":`+streams+`,"messages":[{"role":"user","content":"What is the notice period for the flat?"}]}`)
		if read != 2 || !strings.Contains(body, "Your vault is locked") {
			t.Errorf("stream %s: %d passages were read, and %s", streams, read, body)
		}
	}
}
