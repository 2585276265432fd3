package leak

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"abaton.local/leak/corpus"
)

// Way is how a question is asked and answered.
type Way struct {
	Dialect string `json:"dialect"`
	HTTP2   bool   `json:"http2,omitempty"`
	Whole   bool   `json:"whole,omitempty"` // the answer comes at once
}

// Dialects are those that can be asked in.
var Dialects = []string{"openai", "anthropic", "ollama"}

func (w Way) String() string {
	version, how := "HTTP/1.1", "streamed"
	if w.HTTP2 {
		version = "HTTP/2"
	}
	if w.Whole {
		how = "whole"
	}
	return fmt.Sprintf("%s over %s, %s", w.Dialect, version, how)
}

// Name is a short word for the way, for names of files.
func (w Way) Name() string {
	name := w.Dialect + "-h1"
	if w.HTTP2 {
		name = w.Dialect + "-h2"
	}
	if w.Whole {
		name += "-whole"
	}
	return name
}

// request is a question as a small program would send it. pad may make its body
// longer.
func (w Way) request(ctx context.Context, model string, p corpus.Prompt, pad func([]byte) []byte) (*http.Request, error) {
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	body := struct {
		Model    string    `json:"model"`
		Most     int       `json:"max_tokens,omitempty"`
		System   string    `json:"system,omitempty"`
		Messages []message `json:"messages"`
		Stream   bool      `json:"stream"`
	}{Model: model, Stream: !w.Whole}
	path := map[string]string{"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "ollama": "/api/chat"}[w.Dialect]
	if path == "" {
		return nil, fmt.Errorf("there is no dialect %q", w.Dialect)
	}
	if w.Dialect == "anthropic" {
		body.System, body.Most = p.System, 1024
	} else if p.System != "" {
		body.Messages = append(body.Messages, message{"system", p.System})
	}
	body.Messages = append(body.Messages, message{"user", p.Text})
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	if pad != nil {
		text = pad(text)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://127.0.0.1"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if w.Dialect == "anthropic" {
		r.Header.Set("Anthropic-Version", "2023-06-01")
	}
	return r, nil
}

// heard is what a client got to read, and when.
type heard struct {
	text        string
	first, last time.Time // of its characters
}

// piece is what may be in one event of any dialect.
type piece struct {
	Choices []struct {
		Delta   struct{ Content string }
		Message struct{ Content string }
	}
	Message json.RawMessage
	Content []struct{ Text string }
	Delta   struct{ Text string }
	Error   json.RawMessage
}

var errAnswer = errors.New("the server did not answer as it should")

// listen reads an answer to its end.
func (w Way) listen(body io.Reader) (h heard, err error) {
	var text strings.Builder
	lines := bufio.NewReaderSize(body, 16<<10)
	for {
		line, err := lines.ReadBytes('\n')
		now := time.Now()
		said, failed := w.said(line)
		if failed != nil {
			return h, failed
		}
		if said != "" {
			if h.last = now; h.first.IsZero() {
				h.first = now
			}
			text.WriteString(said)
		}
		if errors.Is(err, io.EOF) {
			h.text = text.String()
			return h, nil
		}
		if err != nil {
			return h, err
		}
	}
}

// said is the text in one line.
func (w Way) said(line []byte) (string, error) {
	if rest, is := bytes.CutPrefix(line, []byte("data:")); is {
		line = rest
	} else if w.Dialect != "ollama" && !w.Whole {
		return "", nil
	}
	line = bytes.TrimSpace(line)
	if len(line) == 0 || bytes.Equal(line, []byte("[DONE]")) {
		return "", nil
	}
	var p piece
	if err := json.Unmarshal(line, &p); err != nil || len(p.Error) > 0 {
		return "", errAnswer
	}
	switch {
	case len(p.Choices) > 0:
		return p.Choices[0].Delta.Content + p.Choices[0].Message.Content, nil
	case len(p.Content) > 0:
		return p.Content[0].Text, nil
	case p.Delta.Text != "":
		return p.Delta.Text, nil
	case w.Dialect == "ollama":
		var m struct{ Content string }
		if err := json.Unmarshal(p.Message, &m); err != nil {
			return "", errAnswer
		}
		return m.Content, nil
	}
	return "", nil
}

// Ways are all combinations of dialects, versions of HTTP, and streamed or not,
// the plainest first.
func Ways(dialects []string) (ways []Way) {
	for _, whole := range []bool{false, true} {
		for _, second := range []bool{false, true} {
			for _, d := range Dialects {
				if slices.Contains(dialects, d) {
					ways = append(ways, Way{d, second, whole})
				}
			}
		}
	}
	return ways
}
