package api

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"
	"testing"
	"time"

	"abaton.local/engine"
	"abaton.local/gateway"
	"abaton.local/shaper"
)

// A stream is alive before its first word and between two, in every dialect: the
// engine here waits until the client has seen two signs of it.
func TestSilentStreamsAreAlive(t *testing.T) {
	for name, c := range map[string]struct {
		path, body, sign string
		shape            shaper.Mode
		end              string
	}{
		"anthropic":   {"/v1/messages", `{"model":"tiny","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}`, "event: ping", shaper.Off, `"message_stop"`},
		"openai":      {chatPath, streamed, `"delta":{}`, shaper.Off, "[DONE]"},
		"completions": {"/v1/completions", `{"model":"tiny","prompt":"a","stream":true}`, `"text":""`, shaper.Off, "[DONE]"},
		"responses":   {"/v1/responses", `{"model":"tiny","input":"a","stream":true}`, ":", shaper.Off, `"response.completed"`},
		"ollama":      {"/api/chat", `{"model":"tiny","messages":[{"role":"user","content":"hi"}]}`, `"content":""`, shaper.Off, `"done":true`},
		"padded":      {chatPath, streamed, `"delta":{}`, shaper.Pad, "[DONE]"},
	} {
		t.Run(name, func(t *testing.T) {
			seen := make(chan struct{})
			h := open(t, func(ctx context.Context, _ engine.Prompt) iter.Seq2[engine.Delta, error] {
				return func(yield func(engine.Delta, error) bool) {
					for _, d := range []engine.Delta{{Text: "Pa"}, {Text: "ris"}, {Finish: engine.Stopped}} {
						select {
						case <-seen:
						case <-ctx.Done():
							yield(engine.Delta{}, ctx.Err())
							return
						}
						if !yield(d, nil) {
							return
						}
					}
				}
			}, Config{Silence: time.Millisecond, Shape: shaper.Policy{Local: c.shape}}, gateway.Config{})
			conn, resp := h.send(t, "POST", c.path, c.body)
			defer conn.Close()
			if resp.StatusCode != 200 {
				t.Fatal(resp.Status)
			}
			lines := bufio.NewReader(resp.Body)
			signs, told, whole := 0, 0, ""
			for {
				line, err := lines.ReadString('\n')
				if whole += line; err != nil {
					break
				}
				if strings.Contains(line, c.sign) {
					signs++
				}
				if signs >= 2*(told+1) && told < 3 {
					told++
					seen <- struct{}{}
				}
			}
			if told != 3 || !strings.Contains(whole, `Pa`) || !strings.Contains(whole, `ris`) || !strings.Contains(whole, c.end) {
				t.Errorf("%d %s", told, whole)
			}
		})
	}
}

// What fails after a sign of life is told in the stream, and what fails before one
// by its status.
func TestFailuresAfterASignOfLife(t *testing.T) {
	seen := make(chan struct{})
	h := open(t, func(ctx context.Context, _ engine.Prompt) iter.Seq2[engine.Delta, error] {
		return func(yield func(engine.Delta, error) bool) {
			<-seen
			yield(engine.Delta{}, &engine.Fault{Kind: engine.NoMemory, What: "There is no memory left.", Do: "Ask again."})
		}
	}, Config{Silence: time.Millisecond}, gateway.Config{})
	conn, resp := h.send(t, "POST", "/v1/messages", `{"model":"tiny","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}`)
	defer conn.Close()
	close(seen)
	body, err := io.ReadAll(resp.Body)
	if err != nil && !errors.Is(err, io.EOF) || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "event: message_start") || !strings.Contains(string(body), "event: error") {
		t.Errorf("%s %v %s", resp.Status, err, body)
	}
	h = open(t, fails(&engine.Fault{Kind: engine.NoMemory, What: "There is no memory left.", Do: "Ask again."}), Config{Silence: time.Hour}, gateway.Config{})
	if resp, _ := h.ask(t, "POST", chatPath, streamed); resp.StatusCode != http.StatusServiceUnavailable {
		t.Error(resp.Status)
	}
}
