package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"abaton.local/chat"
	"abaton.local/engine"
)

// speaker serves one canned reply on a Unix socket and records the request.
func speaker(t *testing.T, status int, body string) (c *client, heard func() map[string]any) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), socketName)
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var request map[string]any
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Close(); <-done })
	return newClient(socket), func() map[string]any { return request }
}

func collectEvents(t *testing.T, c *client) (events []chat.Event, err error) {
	t.Helper()
	for e, err := range c.Answer(t.Context(), chat.Ask{Model: "m", Messages: []engine.Message{{Role: engine.User, Content: "hi"}}}) {
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
	return events, nil
}

const (
	pieceA = `data: {"model":"m","choices":[{"delta":{"role":"assistant","content":"Pa"},"finish_reason":null}]}` + "\n\n"
	pieceB = `data: {"model":"m","choices":[{"delta":{"content":"ris"},"finish_reason":null}]}` + "\n\n"
	ending = `data: {"model":"m","choices":[{"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	counts = `data: {"model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}` + "\n\n"
	over   = "data: [DONE]\n\n"
)

func TestClientStreams(t *testing.T) {
	c, heard := speaker(t, 200, pieceA+": a comment\n\n"+pieceB+ending+counts+over)
	events, err := collectEvents(t, c)
	if err != nil || len(events) != 3 {
		t.Fatalf("%+v, %v", events, err)
	}
	last := events[2]
	if events[0].Text+events[1].Text != "Paris" || last.Finish != engine.Stopped || last.Usage.PromptTokens != 3 || last.Usage.AnswerTokens != 2 || last.Model != "m" {
		t.Errorf("%+v", events)
	}
	if r := heard(); r["model"] != "m" || r["stream"] != true || len(r["messages"].([]any)) != 1 {
		t.Errorf("asked %v", r)
	}
}

func TestClientErrors(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		body    string
		want    string
		tooLong bool
	}{
		"refused":         {404, `{"error":{"message":"No model is called m.","code":"model_not_found"}}`, "No model is called m.", false},
		"too long":        {400, `{"error":{"message":"too long: 9 tokens","code":"context_length_exceeded"}}`, "too long: 9 tokens", true},
		"number for code": {503, `{"error":{"message":"busy","code":503}}`, "busy", false},
		"no reason":       {500, `<html>`, "HTTP status 500", false},
		"escape in words": {500, `{"error":{"message":"a\u001b[2Jb\nc"}}`, "ab c", false},
		"in the stream":   {200, pieceA + `data: {"error":{"message":"it died"}}` + "\n\n", "it died", false},
		"cut off":         {200, pieceA, "hung up before the answer was whole", false},
		"done too early":  {200, pieceA + over, "hung up before the answer was whole", false},
		"not JSON":        {200, "data: {\n\n", "not its protocol", false},
		"endless line":    {200, "data: " + strings.Repeat("x", largestEvent+10), "", false},
	} {
		t.Run(name, func(t *testing.T) {
			cl, _ := speaker(t, c.status, c.body)
			_, err := collectEvents(t, cl)
			if err == nil || !strings.Contains(err.Error(), c.want) || tooLong(err) != c.tooLong {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestNobodyServes(t *testing.T) {
	if c, err := connect(t.Context(), filepath.Join(t.TempDir(), socketName)); c != nil || err != nil {
		t.Error("connected to nothing", err)
	}
	c := newClient(filepath.Join(t.TempDir(), socketName))
	if _, err := collectEvents(t, c); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Error(err)
	}
}
