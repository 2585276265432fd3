package clients

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func client(token string) openai.Client {
	return openai.NewClient(option.WithBaseURL(served.url), option.WithAPIKey(token), option.WithMaxRetries(0))
}

func params(model, text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:               model,
		Messages:            []openai.ChatCompletionMessageParamUnion{openai.SystemMessage(instruction), openai.UserMessage(text)},
		Temperature:         openai.Float(0),
		MaxCompletionTokens: openai.Int(40),
	}
}

func TestGoAnswer(t *testing.T) {
	c := client(served.token)
	a, err := c.Chat.Completions.New(t.Context(), params(served.model, question))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Choices) != 1 || !strings.Contains(a.Choices[0].Message.Content, "Paris") {
		t.Errorf("answer: %+v", a.Choices)
	}
	if a.Usage.PromptTokens == 0 || a.Usage.CompletionTokens == 0 || a.Usage.TotalTokens != a.Usage.PromptTokens+a.Usage.CompletionTokens {
		t.Errorf("usage: %+v", a.Usage)
	}
	if a.Model != served.model || a.ID == "" || a.Created == 0 || a.Choices[0].FinishReason != "stop" {
		t.Errorf("model %q, id %q, created %d, finish %q", a.Model, a.ID, a.Created, a.Choices[0].FinishReason)
	}
}

func TestGoStream(t *testing.T) {
	c := client(served.token)
	p := params(served.model, question)
	p.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
	stream := c.Chat.Completions.NewStreaming(t.Context(), p)
	defer stream.Close()
	var whole openai.ChatCompletionAccumulator
	pieces := 0
	for stream.Next() {
		chunk := stream.Current()
		if !whole.AddChunk(chunk) {
			t.Fatalf("the library cannot add up the chunk %s", chunk.RawJSON())
		}
		if len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != "" {
			pieces++
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if len(whole.Choices) != 1 || !strings.Contains(whole.Choices[0].Message.Content, "Paris") || whole.Choices[0].FinishReason != "stop" {
		t.Errorf("answer: %+v", whole.Choices)
	}
	if pieces < 2 { // the first at once, more in frames
		t.Errorf("the answer came in %d pieces: it was not streamed", pieces)
	}
	if whole.Usage.CompletionTokens == 0 {
		t.Errorf("usage: %+v", whole.Usage)
	}
}

func TestGoModels(t *testing.T) {
	c := client(served.token)
	list, err := c.Models.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Data) == 0 || list.Data[0].ID != served.model {
		t.Errorf("models: %+v", list.Data)
	}
	one, err := c.Models.Get(t.Context(), served.model)
	if err != nil || one.ID != served.model {
		t.Errorf("model: %+v, %v", one, err)
	}
}

func TestGoErrors(t *testing.T) {
	for _, c := range []struct {
		name, token, model, text string
		status                   int
		code                     string
	}{
		{"wrong token", "abt_wrong", served.model, question, http.StatusUnauthorized, "invalid_api_key"},
		{"unknown model", served.token, "no-such-model", question, http.StatusNotFound, "model_not_found"},
		{"too long", served.token, served.model, tooLong(), http.StatusBadRequest, "context_length_exceeded"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sdk := client(c.token)
			_, err := sdk.Chat.Completions.New(t.Context(), params(c.model, c.text))
			check := func(err error) {
				t.Helper()
				e, ok := errors.AsType[*openai.Error](err)
				if !ok {
					t.Fatalf("not an error of the interface: %v", err)
				}
				if e.StatusCode != c.status || e.Code != c.code || e.Message == "" {
					t.Errorf("status %d, code %q, message %q; want %d, %q", e.StatusCode, e.Code, e.Message, c.status, c.code)
				}
			}
			check(err)
			stream := sdk.Chat.Completions.NewStreaming(t.Context(), params(c.model, c.text))
			defer stream.Close()
			for stream.Next() {
				t.Errorf("a chunk came: %s", stream.Current().RawJSON())
			}
			check(stream.Err())
		})
	}
}

func tooLong() string { return strings.Repeat("word ", 60_000) }
