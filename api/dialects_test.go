package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"abaton.local/api/openai"
	"abaton.local/engine"
	"abaton.local/gateway"
	"abaton.local/models"
	"abaton.local/vault"
)

// numbers is a Meaning without an engine.
type numbers struct{}

func (numbers) Embed(_ context.Context, m engine.Meaning) (v engine.Vectors, err error) {
	for i := range m.Texts {
		v.Of = append(v.Of, []float32{1, float32(i)})
	}
	v.Tokens = 3 * len(m.Texts)
	return v, nil
}

func (numbers) Rank(_ context.Context, m engine.Meaning) (r engine.Ranks, err error) {
	for i := range m.Texts {
		r.Of = append(r.Of, float64(i))
	}
	return r, nil
}

func (numbers) Count(_ context.Context, p engine.Prompt) (int, error) {
	return 7 * len(p.Messages), nil
}

// desks has workers without an engine.
type desks struct {
	mu   sync.Mutex
	done []string
}

func (d *desks) Load(_ context.Context, p engine.Prompt) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = append(d.done, fmt.Sprint("load ", p.Person, " ", p.ContextTokens))
	if p.KeepAlive != nil {
		d.done = append(d.done, p.KeepAlive.String())
	}
	return nil
}

func (d *desks) Unload(p engine.Person, m models.Digest) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = append(d.done, "unload "+string(p))
}

func (d *desks) Workers() []engine.WorkerInfo {
	return []engine.WorkerInfo{{Person: engine.Person(vault.Owner), Model: models.Digest{1}, Context: 2048, Memory: 99}, {Person: "somebody else", Model: models.Digest{3}}}
}

const (
	hi       = `"messages":[{"role":"user","content":"hi"}]`
	oneModel = `"model":"tiny"`
)

// Each endpoint of each dialect, whole and streamed, says what the model said.
func TestDialects(t *testing.T) {
	workers := new(desks)
	h := open(t, texts("Pa", "ris"), Config{Meaning: numbers{}, Workers: workers}, gateway.Config{})
	for _, c := range []struct {
		method, path, body string
		media              string
		holds              []string // in this order
	}{
		{"POST", "/v1/chat/completions", `{` + hi + `}`, "application/json", []string{`"content":"Paris"`}},
		{"POST", "/v1/chat/completions", `{"stream":true,` + hi + `}`, "text/event-stream", []string{`"content":"Pa"`, `"content":"ris"`, "[DONE]"}},
		{"POST", "/v1/chat/completions", `{"n":2,` + hi + `}`, "application/json", []string{`"index":0`, "Paris", `"index":1`, "Paris"}},
		{"POST", "/v1/completions", `{"prompt":"The capital is"}`, "application/json", []string{`"text":"Paris"`}},
		{"POST", "/completions", `{"prompt":["a","b"],"stream":true}`, "text/event-stream", []string{`"text":"Pa"`, `"index":1`, "[DONE]"}},
		{"POST", "/v1/responses", `{"input":"hi"}`, "application/json", []string{`"object":"response"`, `"status":"completed"`, `"text":"Paris"`}},
		{"POST", "/v1/responses", `{"input":"hi","stream":true}`, "text/event-stream", []string{"response.created", "output_text.delta", `"delta":"ris"`, "response.completed"}},
		{"POST", "/v1/embeddings", `{"model":"minilm","input":["a","b"]}`, "application/json", []string{`"embedding":[1,0]`, `"index":1`, `"model":"minilm"`, `"prompt_tokens":6`}},
		{"POST", "/v1/messages", `{"model":"tiny","max_tokens":9,` + hi + `}`, "application/json", []string{`"type":"message"`, `"text":"Paris"`, `"stop_reason":"end_turn"`}},
		{"POST", "/v1/messages", `{"model":"tiny","max_tokens":9,"stream":true,` + hi + `}`, "text/event-stream", []string{"event: message_start", `"text":"Pa"`, `"text":"ris"`, "event: message_stop"}},
		{"POST", "/v1/messages/count_tokens", `{"model":"tiny",` + hi + `}`, "application/json", []string{`{"input_tokens":7}`}},
		{"POST", "/api/chat", `{"model":"tiny",` + hi + `}`, "application/x-ndjson", []string{`"content":"Pa"`, `"content":"ris"`, `"done":true`}},
		{"POST", "/api/chat", `{"model":"tiny:latest","stream":false,` + hi + `}`, "application/json", []string{`"model":"tiny:latest"`, `"content":"Paris"`, `"done":true`}},
		{"POST", "/api/generate", `{"model":"tiny","prompt":"hi","stream":false}`, "application/json", []string{`"response":"Paris"`}},
		{"POST", "/api/generate", `{"model":"tiny","keep_alive":60,"options":{"num_ctx":512}}`, "application/json", []string{`"done_reason":"load"`}},
		{"POST", "/api/chat", `{"model":"tiny","messages":[],"keep_alive":0}`, "application/json", []string{`"done_reason":"unload"`}},
		{"POST", "/api/embed", `{"model":"minilm","input":"a"}`, "application/json", []string{`"embeddings":[[1,0]]`}},
		{"POST", "/api/embeddings", `{"model":"minilm","prompt":"a"}`, "application/json", []string{`"embedding":[1,0]`}},
		{"GET", "/api/tags", "", "application/json", []string{`"name":"org/large:q4"`, `"name":"tiny:latest"`}},
		{"POST", "/api/show", `{"model":"tiny"}`, "application/json", []string{`.context_length":2048`}},
		{"GET", "/api/ps", "", "application/json", []string{`"name":"tiny:latest"`, `"size":99`}},
		{"GET", "/api/version", "", "application/json", []string{`"version":`}},
		{"GET", "/", "", "text/plain", []string{"Ollama is running"}},
	} {
		resp, body := h.ask(t, c.method, c.path, c.body)
		if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), c.media) {
			t.Errorf("%s %s: %s %s\n%s", c.path, c.body, resp.Status, resp.Header.Get("Content-Type"), body)
		}
		rest := body
		for _, want := range c.holds {
			_, after, ok := strings.Cut(rest, want)
			if !ok {
				t.Errorf("%s %s: no %s in its place:\n%s", c.path, c.body, want, body)
				break
			}
			rest = after
		}
		if strings.Contains(body, "somebody else") {
			t.Errorf("%s shows another person's worker", c.path)
		}
	}
	if got := strings.Join(workers.done, ", "); got != "load owner 512, 1m0s, unload owner" {
		t.Errorf("workers: %s", got)
	}
}

// Failures come in the words of each dialect, before and in the middle of a stream.
func TestDialectsFail(t *testing.T) {
	fault := &engine.Fault{Kind: engine.Crashed, What: "The engine died.", Do: "Ask again."}
	atOnce := open(t, fails(fault), Config{Shelf: twoModels, Meaning: numbers{}}, gateway.Config{})
	later := open(t, fails(fault, "Pa"), Config{Shelf: twoModels, Meaning: numbers{}}, gateway.Config{})
	for _, c := range []struct {
		h                *house
		path, body       string
		status           int
		begins, contains string
	}{
		{atOnce, "/v1/chat/completions", `{` + hi + `}`, 500, `{"error":{"message":"The engine died.`, `"code":"engine_crashed"`},
		{atOnce, "/v1/messages", `{"model":"tiny","max_tokens":9,` + hi + `}`, 500, `{"type":"error","error":{"type":"api_error"`, `"request_id":"req_`},
		{atOnce, "/api/chat", `{"model":"tiny",` + hi + `}`, 500, `{"error":"The engine died.`, ""},
		{atOnce, "/v1/messages", `{"model":"nope","max_tokens":9,` + hi + `}`, 404, `{"type":"error","error":{"type":"not_found_error"`, ""},
		{atOnce, "/api/chat", `{"model":"nope",` + hi + `}`, 404, `{"error":"`, "not found"},
		{atOnce, "/v1/chat/completions", `{"model":"minilm",` + hi + `}`, 400, `{"error":`, `"param":"model"`},
		{atOnce, "/v1/embeddings", `{"model":"tiny","input":"a"}`, 400, `{"error":`, `"param":"model"`},
		{atOnce, "/v1/rerank", `{"query":"q","documents":["a"]}`, 404, `{"error":`, "ranks texts"},
		{atOnce, "/v1/responses", `{"input":"hi","previous_response_id":"resp_1"}`, 404, `{"error":`, "response_not_found"},
		{atOnce, "/v1/responses", `{"input":"hi","store":true}`, 400, `{"error":`, `"param":"store"`},
		{atOnce, "/v1/chat/completions", `{"store":true,` + hi + `}`, 400, `{"error":`, `"param":"store"`},
		{later, "/v1/chat/completions", `{"stream":true,` + hi + `}`, 200, `data: {`, `data: {"error":{"message":"The engine died.`},
		{later, "/v1/messages", `{"model":"tiny","max_tokens":9,"stream":true,` + hi + `}`, 200, `event: message_start`, "event: error"},
		{later, "/api/chat", `{"model":"tiny",` + hi + `}`, 200, `{"model":"tiny"`, "\n{\"error\":\"The engine died."},
		{later, "/v1/responses", `{"input":"hi","stream":true}`, 200, "event: response.created", "event: error"},
	} {
		resp, body := c.h.ask(t, "POST", c.path, c.body)
		if resp.StatusCode != c.status || !strings.HasPrefix(body, c.begins) || !strings.Contains(body, c.contains) {
			t.Errorf("%s %s: %s\n%s", c.path, c.body, resp.Status, body)
		}
	}
	// One that crashed too often to be started is like one that has too much to do: it says when to ask again.
	wait := &engine.Fault{Kind: engine.Paused, What: "It crashed 5 times.", Do: "Ask again in 42s.", After: 42 * time.Second}
	paused := open(t, fails(wait), Config{Shelf: twoModels, Meaning: numbers{}}, gateway.Config{})
	for path, want := range map[string]string{
		"/v1/chat/completions": `{"error":{"message":"It crashed 5 times. Ask again in 42s.","type":"server_error","param":null,"code":"engine_paused"}}`,
		"/v1/messages":         `{"type":"error","error":{"type":"overloaded_error","message":"It crashed 5 times. Ask again in 42s."},"request_id":"req_`,
		"/api/chat":            `{"error":"It crashed 5 times. Ask again in 42s."}`,
	} {
		most := `"max_tokens":9,`
		if path == "/api/chat" {
			most = ""
		}
		resp, body := paused.ask(t, "POST", path, `{"model":"tiny",`+most+hi+`}`)
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "42" || !strings.HasPrefix(body, want) {
			t.Errorf("%s: %s, after %q: %s", path, resp.Status, resp.Header.Get("Retry-After"), body)
		}
	}
	for _, path := range []string{"/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete", "/api/blobs/sha256:aa"} {
		if resp, body := atOnce.ask(t, "POST", path, `{}`); resp.StatusCode != 403 || !strings.Contains(body, "`abaton ") {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
}

// What has no room is told before the model is asked, or instead of the answer.
func TestResponsesWithoutRoom(t *testing.T) {
	for _, s := range []*safe{{locked: ErrFull}, {fail: ErrFull}} {
		h := open(t, texts("Pa", "ris"), Config{Responses: s}, gateway.Config{})
		resp, body := h.ask(t, "POST", "/v1/responses", `{"input":"hi","store":true}`)
		if resp.StatusCode != 400 || !strings.Contains(body, `"storage_full"`) || !strings.Contains(body, "DELETE") || strings.Contains(body, "Paris") {
			t.Errorf("%s %s", resp.Status, body)
		}
		if resp, body := h.ask(t, "POST", "/v1/responses", `{"input":"hi"}`); resp.StatusCode != 200 || !strings.Contains(body, "Paris") {
			t.Errorf("%s %s", resp.Status, body)
		}
	}
}

// safe keeps responses in memory, or fails to.
type safe struct {
	mu           sync.Mutex
	kept         map[string][]byte
	locked, fail error
}

func (s *safe) Ready(vault.Session) error { return s.locked }

func (s *safe) Keep(_ context.Context, who vault.Session, id string, b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail == nil {
		s.kept[string(who.Person)+id] = b
	}
	return s.fail
}

func (s *safe) Find(_ context.Context, who vault.Session, id string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.kept[string(who.Person)+id]; ok {
		return b, nil
	}
	return nil, ErrNoResponse
}

func (s *safe) Remove(_ context.Context, who vault.Session, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, string(who.Person)+id)
	return nil
}

// A locked vault keeps nothing and says so before the model is asked; fields that
// steer an engine are told of.
func TestNothingIsKeptBehindALock(t *testing.T) {
	told := make(chan vault.PersonID, 8)
	h := open(t, texts("hi"), Config{Responses: &safe{locked: vault.ErrLocked}, Forged: func(s vault.Session) { told <- s.Person }}, gateway.Config{})
	if resp, body := h.ask(t, "POST", "/v1/responses", `{"input":"hi","store":true}`); resp.StatusCode != 401 || !strings.Contains(body, "abaton login") {
		t.Errorf("%s %s", resp.Status, body)
	}
	for _, body := range []string{`{"id_slot":3,` + hi + `}`, `{"cache_prompt":true,` + hi + `}`, `{"cache_salt":"x",` + hi + `}`} {
		if resp, got := h.ask(t, "POST", chatPath, body); resp.StatusCode != 200 {
			t.Errorf("%s: %s", body, got)
		}
		if who := <-told; who != vault.Owner {
			t.Error(who)
		}
	}
}

// The end of an answer that is to be kept is told only when it is kept.
func TestKeptBeforeTold(t *testing.T) {
	s := &safe{kept: map[string][]byte{}}
	h := open(t, texts("Pa", "ris"), Config{Responses: s}, gateway.Config{})
	for _, fail := range []error{nil, errors.New("the disk is full")} {
		s.fail = fail
		resp, body := h.ask(t, "POST", "/v1/responses", `{"input":"hi","store":true,"stream":true}`)
		done := strings.Contains(body, "response.completed")
		if resp.StatusCode != 200 || done != (fail == nil) || done == strings.Contains(body, "event: error") {
			t.Errorf("%v: %s\n%s", fail, resp.Status, body)
		}
		if resp, body := h.ask(t, "POST", "/v1/responses", `{"input":"hi","store":true}`); (resp.StatusCode == 200) != (fail == nil) {
			t.Errorf("%v: %s\n%s", fail, resp.Status, body)
		}
	}
	var first struct{ ID string }
	s.fail = nil
	_, body := h.ask(t, "POST", "/v1/responses", `{"input":"remember","store":true}`)
	if err := json.Unmarshal([]byte(body), &first); err != nil || first.ID == "" {
		t.Fatal(body, err)
	}
	if resp, body := h.ask(t, "POST", "/v1/responses", `{"input":"and?","previous_response_id":"`+first.ID+`"}`); resp.StatusCode != 200 || !strings.Contains(body, `"previous_response_id":"`+first.ID) {
		t.Errorf("%s %s", resp.Status, body)
	}
	if resp, body := h.ask(t, "GET", "/v1/responses/"+first.ID, ""); resp.StatusCode != 200 || !strings.Contains(body, first.ID) {
		t.Errorf("%s %s", resp.Status, body)
	}
	if resp, body := h.ask(t, "GET", "/v1/responses/"+first.ID+"/input_items", ""); resp.StatusCode != 200 || !strings.Contains(body, "remember") {
		t.Errorf("%s %s", resp.Status, body)
	}
	if resp, body := h.ask(t, "DELETE", "/v1/responses/"+first.ID, ""); resp.StatusCode != 200 || !strings.Contains(body, `"deleted":true`) {
		t.Errorf("%s %s", resp.Status, body)
	}
	if resp, _ := h.ask(t, "GET", "/v1/responses/"+first.ID, ""); resp.StatusCode != 404 {
		t.Error(resp.Status)
	}
}

// A long chain of large responses is refused before all of it is in memory.
func TestTooMuchBeforeIsRefused(t *testing.T) {
	s := &safe{kept: map[string][]byte{}}
	h := open(t, texts("yes"), Config{Responses: s}, gateway.Config{})
	item := `{"type":"message","role":"user","content":"` + strings.Repeat("a", 1<<20) + `"}`
	last := ""
	for i := range 100 {
		id := fmt.Sprint("resp_", i)
		s.kept[string(vault.Owner)+id] = openai.Stored{ID: id, Previous: last, Body: []byte(`{"output":[]}`), Input: []json.RawMessage{json.RawMessage(item)}}.Encode()
		last = id
	}
	resp, body := h.ask(t, "POST", "/v1/responses", `{"input":"and?","previous_response_id":"`+last+`"}`)
	if resp.StatusCode != 400 || !strings.Contains(body, "32 MiB") {
		t.Errorf("%s %.300s", resp.Status, body)
	}
	if resp, body := h.ask(t, "POST", "/v1/responses", `{"input":"and?","previous_response_id":"resp_2"}`); resp.StatusCode != 200 {
		t.Errorf("%s %.300s", resp.Status, body)
	}
	// A vault that a rollback or a forger left with a circle in it.
	for a, b := range map[string]string{"resp_x": "resp_y", "resp_y": "resp_x"} {
		s.kept[string(vault.Owner)+a] = openai.Stored{ID: a, Previous: b, Body: []byte(`{"output":[]}`)}.Encode()
	}
	if resp, body := h.ask(t, "POST", "/v1/responses", `{"input":"and?","previous_response_id":"resp_x"}`); resp.StatusCode != 400 {
		t.Errorf("%s %.300s", resp.Status, body)
	}
}
