package api

import (
	"encoding/json"
	"strings"
	"testing"
)

// A response that read documents is kept, fetched and gone on from as any other; for
// another person there is none, and a question that goes on from it looks for what
// its person said alone.
func TestKeptAnswersFromLibraries(t *testing.T) {
	r := newReaders(t, large, texts(grounding))
	r.Responses = &safe{kept: map[string][]byte{}}
	const tool = `"tools":[{"type":"file_search","vector_store_ids":["house"]}]`
	code, body := r.ask(r.ada, "/v1/responses", `{"model":"large","store":true,"input":"What is the notice period for the flat?",`+tool+`}`)
	var first struct{ ID string }
	if err := json.Unmarshal([]byte(body), &first); code != 200 || err != nil {
		t.Fatalf("%d %v %s", code, err, body)
	}
	on := `{"model":"large","store":false,"input":"And in months?","previous_response_id":"` + first.ID + `"`
	if code, body := r.ask(r.ada, "/v1/responses", on+`}`); code != 200 || strings.Contains(body, "file_search_call") {
		t.Errorf("without documents: %d %s", code, body)
	}
	if code, body := r.ask(r.ada, "/v1/responses", on+`,`+tool+`}`); code != 200 || !strings.Contains(body, `"file_search_call"`) || !strings.Contains(body, `"queries":["And in months?"]`) {
		t.Errorf("with documents: %d %s", code, body)
	}
	if code, body := r.ask(r.bob, "/v1/responses", on+`}`); code != 404 || strings.Contains(body, "three months") {
		t.Errorf("another person: %d %s", code, body)
	}
	// And where its program sends it back itself.
	var items struct{ Output []json.RawMessage }
	if err := json.Unmarshal([]byte(body), &items); err != nil || len(items.Output) != 2 {
		t.Fatalf("%v %s", err, body)
	}
	sent := `{"model":"large","store":false,"input":[{"role":"user","content":"What is the notice period for the flat?"},` + string(items.Output[0]) + `,` + string(items.Output[1]) + `,{"role":"user","content":"And in months?"}],` + tool + `}`
	if code, body := r.ask(r.ada, "/v1/responses", sent); code != 200 || !strings.Contains(body, `"queries":["And in months?"]`) {
		t.Errorf("sent back: %d %s", code, body)
	}
}
