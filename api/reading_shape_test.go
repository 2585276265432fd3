package api

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"abaton.local/chat"
	"abaton.local/library"
	"abaton.local/shaper"
)

const asksOfTheFlat = `"messages":[{"role":"user","content":"What is the notice period for the flat?"}]`

// In every shape an answer has its sources and citations.
func TestShapedAnswersHaveTheirSources(t *testing.T) {
	for _, mode := range []shaper.Mode{shaper.Pad, shaper.Sealed} {
		r := newReaders(t, large, texts(grounding))
		r.Shape = shaper.Policy{Local: mode, Window: shaper.Tick}
		_, body := r.ask(r.ada, chatPath, `{"model":"large","library":"house","stream":true,`+asksOfTheFlat+`}`)
		if sources, text := strings.Index(body, `"abaton_sources":[{"n":1,"document":"`+r.lease), strings.Index(body, "It is three months. [1]"); sources < 0 || text < sources {
			t.Errorf("%v: %s", mode, body)
		}
		_, body = r.ask(r.ada, "/v1/responses", `{"model":"large","stream":true,"input":"What is the notice period for the flat?","tools":[{"type":"file_search","vector_store_ids":["house"]}]}`)
		if !strings.Contains(body, "event: response.file_search_call.completed\n") || strings.Count(body, "event: response.output_text.annotation.added\n") != 1 {
			t.Errorf("%v: %s", mode, body)
		}
	}
}

// Whether documents answer, contradict each other, hold nothing, or there is no such library: all are sealed
// alike, streamed or whole.
func TestSealedTellsNothingOfDocuments(t *testing.T) {
	r := newReaders(t, large, texts(grounding))
	r.Shape = shaper.Policy{Local: shaper.Sealed, Window: 20 * shaper.Tick}
	l, err := r.Documents(t.Context(), r.ada)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"new.md": newerLease, "old.md": olderLease} {
		if _, err := l.Add(t.Context(), library.File{Library: "disputed", Path: name, Name: name, Data: []byte(text + "\n")}); err != nil {
			t.Fatal(err)
		}
	}
	says := map[string]string{
		`"library":"disputed",` + asksOfTheFlat:                                              "These say the same but for a number:",
		`"library":"house",` + asksOfTheFlat:                                                 "It is three months. [1]",
		`"library":"house","messages":[{"role":"user","content":"Who repairs submarines?"}]`: "Not in your documents.",
		`"library":"nosuch",` + asksOfTheFlat:                                                "no library of the name",
	}
	var asking sync.WaitGroup
	for question, want := range says {
		for _, how := range []string{`,"stream":true`, ``} {
			asking.Go(func() {
				code, body := r.ask(r.ada, chatPath, `{"model":"large",`+question+how+`}`)
				if whole := how == "" && want == "no library of the name"; (code == 400) != whole || !strings.Contains(body, want) {
					t.Errorf("%s%s: %d %s", question, how, code, body)
				}
				if len(body) != 20*shaper.FrameBytes {
					t.Errorf("%s%s: %d bytes", question, how, len(body))
				}
			})
		}
	}
	asking.Wait()
}

// An event with sources or citations is never told as one with another.
func TestSourcesAreNotCut(t *testing.T) {
	for _, e := range []chat.Event{{Sources: []chat.Source{{Name: "a"}}}, {Cites: []int{1}}} {
		e.Text = "a"
		if cuttable(e) {
			t.Errorf("%+v", e)
		}
	}
}

// A program that shows Markdown fetches nothing by what a document, its name or its
// heading has in it.
func TestTellingFetchesNothing(t *testing.T) {
	small := large
	small.Parameters = 135_000_000
	r := newReaders(t, small, texts("never said"))
	l, err := r.Documents(t.Context(), r.ada)
	if err != nil {
		t.Fatal(err)
	}
	const picture = "![x](https://sink.example/x.png)"
	const text = "# Attic " + picture + " <img src=https://sink.example/y.png>\n\nThe key of the attic hangs there. " + picture + "\n\n```\n" + picture + "\n\n[r]: https://sink.example/z\n"
	if _, err := l.Add(t.Context(), library.File{Library: "house", Path: picture, Name: picture + ".txt", Data: []byte(text)}); err != nil {
		t.Fatal(err)
	}
	_, body := r.ask(r.ada, chatPath, `{"library":"house","messages":[{"role":"user","content":"Where is the key of the attic?"}]}`)
	var whole struct {
		Choices []struct{ Message struct{ Content string } }
	}
	if err := json.Unmarshal([]byte(body), &whole); err != nil || len(whole.Choices) != 1 {
		t.Fatalf("%v %s", err, body)
	}
	said := whole.Choices[0].Message.Content
	if !strings.Contains(said, picture) {
		t.Fatalf("the passage is not told word for word: %s", said)
	}
	fence := "" // that is open
	for line := range strings.Lines(said) {
		line = strings.TrimRight(line, "\n")
		switch ticks := line[:len(line)-len(strings.TrimLeft(line, "`"))]; {
		case fence == "" && len(ticks) >= 3:
			fence = ticks
		case fence != "" && line == ticks && len(ticks) >= len(fence):
			fence = ""
		case fence == "" && (strings.Contains(line, "](") || strings.Contains(line, "<img") || strings.HasPrefix(line, "[r]:")):
			t.Errorf("a program may fetch: %s", line)
		}
	}
	if fence != "" {
		t.Errorf("it does not end: %s", said)
	}
}
