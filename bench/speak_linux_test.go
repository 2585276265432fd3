package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// dialect is how a question is put and what of an answer's lines is read.
type dialect struct {
	name, path string
	body       func(model, prompt string, tokens int) map[string]any
	read       func(line []byte) (heard, error)
}

// heard is what one line of an answer says.
type heard struct {
	text           bool // there is some
	prompt, tokens int  // as the engine counted; 0 for nothing said
}

var openAI = dialect{"OpenAI chat", "/v1/chat/completions", func(model, prompt string, tokens int) map[string]any {
	return map[string]any{"model": model, "messages": said(prompt), "max_tokens": tokens, "temperature": 0, "seed": 1,
		"stream": true, "stream_options": map[string]bool{"include_usage": true}}
}, func(line []byte) (h heard, err error) {
	data, ok := bytes.CutPrefix(line, []byte("data: "))
	if !ok || string(data) == "[DONE]" {
		return h, nil
	}
	var chunk struct {
		Choices []struct{ Delta struct{ Content string } }
		Usage   struct {
			Prompt int `json:"prompt_tokens"`
			Answer int `json:"completion_tokens"`
		}
	}
	err = json.Unmarshal(data, &chunk)
	return heard{len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != "", chunk.Usage.Prompt, chunk.Usage.Answer}, err
}}

var ollama = dialect{"Ollama chat", "/api/chat", func(model, prompt string, tokens int) map[string]any {
	return map[string]any{"model": model, "messages": said(prompt), "options": map[string]any{"num_predict": tokens, "temperature": 0, "seed": 1}}
}, func(line []byte) (heard, error) {
	var chunk struct {
		Message struct{ Content string }
		Prompt  int `json:"prompt_eval_count"`
		Answer  int `json:"eval_count"`
	}
	err := json.Unmarshal(line, &chunk)
	return heard{chunk.Message.Content != "", chunk.Prompt, chunk.Answer}, err
}}

var anthropic = dialect{"Anthropic messages", "/v1/messages", func(model, prompt string, tokens int) map[string]any {
	return map[string]any{"model": model, "messages": said(prompt), "max_tokens": tokens, "temperature": 0, "stream": true}
}, func(line []byte) (h heard, err error) {
	data, ok := bytes.CutPrefix(line, []byte("data: "))
	if !ok {
		return h, nil
	}
	var event struct {
		Delta struct{ Text string }
		Usage struct {
			Prompt int `json:"input_tokens"`
			Answer int `json:"output_tokens"`
		}
	}
	err = json.Unmarshal(data, &event)
	return heard{event.Delta.Text != "", event.Usage.Prompt, event.Usage.Answer}, err
}}

func said(prompt string) []map[string]string {
	return []map[string]string{{"role": "user", "content": prompt}}
}

// answer is one streamed answer, timed at the client.
type answer struct {
	first  time.Duration // until the first piece of text
	decode time.Duration // from the first piece of text to the last
	pieces int           // pieces of text: the bare engine sends one per token, abaton all that came in a frame
	tokens int           // as the engine counted
	prompt int           // tokens read
}

// speed is tokens per second once the first was there.
func (a answer) speed() float64 { return float64(a.tokens-1) / a.decode.Seconds() }

func (s *side) ask(b testing.TB, prompt string, tokens int) answer {
	b.Helper()
	a, err := s.put(b.Context(), s.dialect.body(s.model, prompt, tokens))
	if err != nil {
		b.Fatal(err)
	}
	if tokens > 4 && a.pieces < 2 {
		b.Fatalf("%s: %d tokens in one piece: no speed to be had", s.name, a.tokens)
	}
	return a
}

// put is ask for goroutines.
func (s *side) put(ctx context.Context, body map[string]any) (a answer, err error) {
	start := time.Now()
	r, err := s.post(ctx, s.dialect.path, body)
	if err != nil {
		return a, err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(r.Body, 4096))
		return a, fmt.Errorf("%s: %s: %s", s.name, r.Status, text)
	}
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		h, err := s.dialect.read(lines.Bytes())
		if err != nil {
			return a, fmt.Errorf("%s: %w in %q", s.name, err, lines.Text())
		}
		if h.text {
			if a.pieces++; a.pieces == 1 {
				a.first = time.Since(start)
			}
			a.decode = time.Since(start) - a.first
		}
		a.tokens, a.prompt = max(a.tokens, h.tokens), max(a.prompt, h.prompt)
	}
	if err := lines.Err(); err != nil || a.pieces < 1 || a.tokens < a.pieces {
		return a, fmt.Errorf("%s: the answer broke off after %d pieces, %d tokens: %v", s.name, a.pieces, a.tokens, err)
	}
	return a, nil
}

// post sends a body in JSON; one that is a string goes as it stands.
func (s *side) post(ctx context.Context, path string, body any) (*http.Response, error) {
	text, plain := body.(string)
	if !plain {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		text = string(b)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader([]byte(text)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Anthropic-Version", "2023-06-01")
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	return s.client.Do(req)
}
