package api

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"abaton.local/chat"
	"abaton.local/chat/grounded"
	"abaton.local/library"
	"abaton.local/shaper"
)

// An older lease says another notice period.
const (
	newerLease = "The notice period for the flat is three months."
	olderLease = "The notice period for the flat is two months."
)

func newContradicted(t *testing.T) *readers {
	t.Helper()
	r := newReaders(t, large, texts(grounding))
	l, err := r.Documents(t.Context(), r.ada)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Add(t.Context(), library.File{Library: "house", Path: "old.md", Name: "old.md", Data: []byte("# Older lease\n\n## Notice\n\n" + olderLease + "\n")}); err != nil {
		t.Fatal(err)
	}
	return r
}

type conflictTold struct {
	A, B struct {
		N    int
		Text string
	}
}

// toldConflict checks that the two leases, and nothing else, are told as a conflict
// between two sources.
func toldConflict(t *testing.T, where string, list []conflictTold, sources []string) {
	t.Helper()
	if len(list) != 1 || list[0].A.N == list[0].B.N {
		t.Fatalf("%s: %+v", where, list)
	}
	got := []string{list[0].A.Text, list[0].B.Text}
	slices.Sort(got)
	if !slices.Equal(got, []string{newerLease, olderLease}) {
		t.Errorf("%s: %q", where, got)
	}
	for _, x := range []struct {
		n    int
		text string
	}{{list[0].A.N, list[0].A.Text}, {list[0].B.N, list[0].B.Text}} {
		if x.n < 1 || x.n > len(sources) || !strings.Contains(sources[x.n-1], x.text) {
			t.Errorf("%s: source %d does not say %q: %q", where, x.n, x.text, sources)
		}
	}
}

// framesOf are the frames of a stream.
func framesOf(t *testing.T, body string) (list []map[string]json.RawMessage) {
	t.Helper()
	for line := range strings.Lines(body) {
		data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: ")
		if !ok || data == "[DONE]" {
			continue
		}
		var frame map[string]json.RawMessage
		if err := json.Unmarshal([]byte(data), &frame); err != nil {
			t.Fatal(err)
		}
		list = append(list, frame)
	}
	return list
}

type chatTold struct {
	Choices   []struct{ Message struct{ Content string } }
	Sources   []struct{ Text string } `json:"abaton_sources"`
	Conflicts []conflictTold          `json:"abaton_conflicts"`
}

func (c chatTold) texts() (list []string) {
	for _, s := range c.Sources {
		list = append(list, s.Text)
	}
	return list
}

// Sources that contradict each other are told as such beside them: whole and streamed,
// shaped and not, in both forms of the dialect, and in the text.
func TestConflictsAreTold(t *testing.T) {
	for _, mode := range []shaper.Mode{shaper.Off, shaper.Pad, shaper.Sealed} {
		r := newContradicted(t)
		if mode != shaper.Off {
			r.Shape = shaper.Policy{Local: mode, Window: shaper.Tick}
		}
		where := mode.String()
		code, body := r.ask(r.ada, chatPath, `{"model":"large","library":"house",`+asksOfTheFlat+`}`)
		var whole chatTold
		if err := json.Unmarshal([]byte(body), &whole); err != nil || code != 200 {
			t.Fatalf("%s: %d %v %s", where, code, err, body)
		}
		toldConflict(t, where+", whole", whole.Conflicts, whole.texts())
		said := whole.Choices[0].Message.Content
		if !strings.Contains(said, "\n\nThese say the same but for a number:\n```text\n[") || !strings.Contains(said, olderLease) {
			t.Errorf("%s: the text does not tell of it: %s", where, said)
		}

		_, body = r.ask(r.ada, chatPath, `{"model":"large","library":"house","stream":true,"stream_options":{"include_usage":true},`+asksOfTheFlat+`}`)
		told := 0
		for _, frame := range framesOf(t, body) {
			if frame["abaton_conflicts"] == nil {
				continue
			}
			told++
			var c chatTold
			for name, into := range map[string]any{"abaton_sources": &c.Sources, "abaton_conflicts": &c.Conflicts} {
				if err := json.Unmarshal(frame[name], into); err != nil {
					t.Fatalf("%s: %s beside the sources: %v", where, name, err)
				}
			}
			toldConflict(t, where+", streamed", c.Conflicts, c.texts())
		}
		if told != 1 || strings.Index(body, "abaton_conflicts") > strings.Index(body, "It is three months.") {
			t.Errorf("%s: told %d times, or after the first word", where, told)
		}

		const question = `"model":"large","input":"What is the notice period for the flat?","tools":[{"type":"file_search","vector_store_ids":["house"]}]`
		for how, asks := range map[string]string{"whole": "", "streamed": `,"stream":true`} {
			_, body = r.ask(r.ada, "/v1/responses", `{`+question+`,"include":["file_search_call.results"]`+asks+`}`)
			if asks != "" { // the whole of it comes last
				frames := framesOf(t, body)
				body = string(frames[len(frames)-1]["response"])
			}
			var response struct {
				Output []struct {
					Results   []struct{ Text string }
					Conflicts []conflictTold `json:"abaton_conflicts"`
				}
			}
			if err := json.Unmarshal([]byte(body), &response); err != nil || len(response.Output) != 2 {
				t.Fatalf("%s, %s: %v %s", where, how, err, body)
			}
			var texts []string
			for _, x := range response.Output[0].Results {
				texts = append(texts, x.Text)
			}
			toldConflict(t, where+", response "+how, response.Output[0].Conflicts, texts)
		}
		if _, body = r.ask(r.ada, "/v1/responses", `{`+question+`}`); strings.Contains(body, "abaton_conflicts") || !strings.Contains(body, "These say the same but for a number:") {
			t.Errorf("%s: without the results: %s", where, body)
		}
	}
}

// Where nothing is contradicted, nothing is told of it.
func TestNoConflictIsTold(t *testing.T) {
	r := newReaders(t, large, texts(grounding))
	if _, body := r.ask(r.ada, chatPath, `{"model":"large","library":"house",`+asksOfTheFlat+`}`); strings.Contains(body, "abaton_conflicts") || strings.Contains(body, "These say") {
		t.Errorf("%s", body)
	}
}

// A response that tells of conflicts can be sent back as it is.
func TestConflictsAreSentBack(t *testing.T) {
	r := newContradicted(t)
	const tool = `"tools":[{"type":"file_search","vector_store_ids":["house"]}],"include":["file_search_call.results"]`
	_, body := r.ask(r.ada, "/v1/responses", `{"model":"large","store":false,"input":"What is the notice period for the flat?",`+tool+`}`)
	var items struct{ Output []json.RawMessage }
	if err := json.Unmarshal([]byte(body), &items); err != nil || len(items.Output) != 2 || !strings.Contains(string(items.Output[0]), "abaton_conflicts") {
		t.Fatalf("%v %s", err, body)
	}
	sent := `{"model":"large","store":false,"input":[{"role":"user","content":"What is the notice period for the flat?"},` + string(items.Output[0]) + `,` + string(items.Output[1]) + `,{"role":"user","content":"And in months?"}],` + tool + `}`
	if code, body := r.ask(r.ada, "/v1/responses", sent); code != 200 {
		t.Errorf("%d %s", code, body)
	}
}

// What is told of a stretch is bounded, whatever a document holds, and ends no code.
func TestConflictsAreBounded(t *testing.T) {
	long := strings.Repeat("é\n\"", 4000)
	s := grounded.Sources{Passages: []grounded.Passage{{Text: long}, {Text: "``` five ```"}}}
	at := func(n, from, to int) grounded.At {
		return grounded.At{Passage: n, Span: grounded.Span{Start: from, End: to}}
	}
	s.Conflicts = []grounded.Conflict{{A: at(1, 0, len(long)), B: at(2, 0, 12)}, {A: at(3, 0, 1), B: at(2, 0, 12)}, {A: at(1, 5, len(long)+1), B: at(2, 0, 12)}, {A: at(0, 0, 1), B: at(2, 7, 3)}}
	list := conflictsOf(s)
	if len(list) != 1 || len(list[0].A.Text) > mostStretch+len("…") || !strings.HasSuffix(list[0].A.Text, "…") {
		t.Fatalf("%d: %+v", len(list), list)
	}
	if said := disagreeing(list); strings.Count(said, "````") != 2 || !strings.HasSuffix(said, "[2] ``` five ```\n````") {
		t.Errorf("%s", said)
	}
	if disagreeing(nil) != "" || disagreeing([]chat.Conflict{}) != "" {
		t.Error("something is told where there is nothing")
	}
}
