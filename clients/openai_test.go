package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
)

// goOpenAI asks through OpenAI's own library for Go.
func goOpenAI(t *testing.T, d door) []check {
	sdk := func(key string) openai.Client {
		return openai.NewClient(option.WithBaseURL(d.base()+"/v1"), option.WithAPIKey(key), option.WithMaxRetries(0), option.WithHTTPClient(d.client()))
	}
	c := sdk(d.key())
	params := func(text string) openai.ChatCompletionNewParams {
		return openai.ChatCompletionNewParams{
			Model: model, Temperature: openai.Float(0), MaxCompletionTokens: openai.Int(40),
			Messages: []openai.ChatCompletionMessageParamUnion{openai.SystemMessage(terse), openai.UserMessage(text)},
		}
	}
	stream := func(c openai.Client, p openai.ChatCompletionNewParams, each func(openai.ChatCompletionChunk)) (openai.ChatCompletionAccumulator, error) {
		s := c.Chat.Completions.NewStreaming(t.Context(), p)
		defer s.Close()
		var whole openai.ChatCompletionAccumulator
		for s.Next() {
			if !whole.AddChunk(s.Current()) {
				return whole, fmt.Errorf("the library cannot add up the chunk %s", s.Current().RawJSON())
			}
			if each != nil {
				each(s.Current())
			}
		}
		return whole, s.Err()
	}
	weather := func() openai.ChatCompletionNewParams {
		p := params("What is the weather in Paris?")
		p.MaxCompletionTokens = openai.Int(100)
		p.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
			Name: "weather", Description: openai.String("The weather of a city."), Parameters: place,
		})}
		p.ToolChoice = openai.ChatCompletionToolChoiceOptionUnionParam{OfAuto: openai.String("required")}
		return p
	}
	called := func(m openai.ChatCompletionMessage) error {
		if len(m.ToolCalls) == 0 {
			return fmt.Errorf("no call: %s", m.RawJSON())
		}
		f := m.ToolCalls[0].Function
		return isWeather(f.Name, []byte(f.Arguments))
	}
	fails := func(c openai.Client, p openai.ChatCompletionNewParams, status int, code string) error {
		_, whole := c.Chat.Completions.New(t.Context(), p)
		_, streamed := stream(c, p, nil)
		for i, err := range []error{whole, streamed} {
			if i == 1 && code == "context_length_exceeded" && shaped() == "yes" {
				if err := says(err, code); err != nil {
					return err
				}
				continue
			}
			e, ok := errors.AsType[*openai.Error](err)
			if !ok || e.StatusCode != status || e.Code != code || e.Message == "" {
				return fmt.Errorf("it is %v, not %d %s", err, status, code)
			}
		}
		return nil
	}
	r := results{door: d}
	r.check("chat", func() error {
		a, err := c.Chat.Completions.New(t.Context(), params(question))
		if err != nil {
			return err
		}
		if a.Usage.TotalTokens != a.Usage.PromptTokens+a.Usage.CompletionTokens || a.Usage.CompletionTokens == 0 || a.Model != model || a.ID == "" || a.Created == 0 {
			return fmt.Errorf("usage, model, id: %s", a.RawJSON())
		}
		return paris(a.Choices[0].Message.Content)
	})
	r.check("chat, streamed", func() error {
		p := params(question)
		p.StreamOptions = openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)}
		pieces := 0
		a, err := stream(c, p, func(chunk openai.ChatCompletionChunk) {
			if len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != "" {
				pieces++
			}
		})
		if err != nil {
			return err
		}
		if pieces < leastPieces() || a.Usage.CompletionTokens == 0 || a.Choices[0].FinishReason != "stop" { // the first at once, more in frames
			return fmt.Errorf("%d pieces, usage %+v", pieces, a.Usage)
		}
		return paris(a.Choices[0].Message.Content)
	})
	r.check("tools, called and answered", func() error {
		p := weather()
		a, err := c.Chat.Completions.New(t.Context(), p)
		if err != nil {
			return err
		}
		m := a.Choices[0].Message
		if err := called(m); err != nil {
			return err
		}
		p.ToolChoice = openai.ChatCompletionToolChoiceOptionUnionParam{OfAuto: openai.String("none")}
		p.Messages = append(p.Messages, m.ToParam())
		for _, call := range m.ToolCalls {
			p.Messages = append(p.Messages, openai.ToolMessage("sunny", call.ID))
		}
		if a, err = c.Chat.Completions.New(t.Context(), p); err == nil && a.Choices[0].Message.Content == "" {
			err = errors.New("no answer after the tool's")
		}
		return err
	})
	r.check("tools, streamed", func() error {
		a, err := stream(c, weather(), nil)
		if err != nil {
			return err
		}
		return called(a.Choices[0].Message)
	})
	r.check("JSON schema", func() error {
		p := params("Is Paris a big city?")
		p.MaxCompletionTokens = openai.Int(100)
		p.ResponseFormat.OfJSONSchema = &openai.ResponseFormatJSONSchemaParam{JSONSchema: openai.ResponseFormatJSONSchemaJSONSchemaParam{Name: "town", Schema: town, Strict: openai.Bool(true)}}
		a, err := c.Chat.Completions.New(t.Context(), p)
		if err != nil {
			return err
		}
		return fits(a.Choices[0].Message.Content)
	})
	r.check("log probabilities", func() error {
		p := params(question)
		p.Logprobs, p.TopLogprobs = openai.Bool(true), openai.Int(2)
		a, err := c.Chat.Completions.New(t.Context(), p)
		if err != nil {
			return err
		}
		if l := a.Choices[0].Logprobs.Content; len(l) == 0 || len(l[0].TopLogprobs) != 2 {
			return fmt.Errorf("%s", a.RawJSON())
		}
		return nil
	})
	r.check("completions", func() error {
		p := openai.CompletionNewParams{Model: model, Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("The capital of France is")}, MaxTokens: openai.Int(5), Temperature: openai.Float(0)}
		a, err := c.Completions.New(t.Context(), p)
		if err != nil {
			return err
		}
		var text strings.Builder
		s := c.Completions.NewStreaming(t.Context(), p)
		for s.Next() {
			for _, choice := range s.Current().Choices {
				text.WriteString(choice.Text)
			}
		}
		return errors.Join(s.Err(), paris(a.Choices[0].Text), paris(text.String()))
	})
	answer := responses.ResponseNewParams{
		Model: model, Instructions: openai.String(terse), Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(question)},
		Temperature: openai.Float(0), MaxOutputTokens: openai.Int(40), Store: openai.Bool(false),
	}
	r.check("responses", func() error {
		a, err := c.Responses.New(t.Context(), answer)
		if err != nil {
			return err
		}
		return paris(a.OutputText())
	})
	r.check("responses, streamed", func() error {
		s := c.Responses.NewStreaming(t.Context(), answer)
		defer s.Close()
		var text strings.Builder
		last := ""
		for s.Next() {
			if last = s.Current().Type; last == "response.output_text.delta" {
				text.WriteString(s.Current().Delta)
			}
		}
		if s.Err() == nil && last != "response.completed" {
			return fmt.Errorf("it ends with %s", last)
		}
		return errors.Join(s.Err(), paris(text.String()))
	})
	if shaped() == "yes" {
		r.check("questions of one size", func() error {
			var shape string
			c := openai.NewClient(option.WithBaseURL(d.base()+"/v1"), option.WithAPIKey(d.key()), option.WithHTTPClient(d.paddedClient(&shape)))
			a, err := c.Chat.Completions.New(t.Context(), params(question))
			if err != nil {
				return err
			}
			return errors.Join(wasPadded(shape), paris(a.Choices[0].Message.Content))
		})
	}
	r.check("embeddings", func() error {
		a, err := c.Embeddings.New(t.Context(), openai.EmbeddingNewParams{Model: embedder, Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: texts}})
		if err != nil {
			return err
		}
		return near(a.Data[0].Embedding, a.Data[1].Embedding, a.Data[2].Embedding)
	})
	r.check("models", func() error {
		list, err := c.Models.List(t.Context())
		if err != nil {
			return err
		}
		one, err := c.Models.Get(t.Context(), model)
		if err == nil && (one.ID != model || len(list.Data) != 2) {
			err = fmt.Errorf("%s, %s", list.RawJSON(), one.RawJSON())
		}
		return err
	})
	if d == byKey {
		r.check("error: wrong key", func() error { return fails(sdk("abt_wrong"), params(question), 401, "invalid_api_key") })
	}
	unknown := params(question)
	unknown.Model = "no-such-model"
	r.check("error: unknown model", func() error { return fails(c, unknown, 404, "model_not_found") })
	r.check("error: too long", func() error { return fails(c, params(strings.Repeat("word ", 60_000)), 400, "context_length_exceeded") })
	r.check("error in the middle of a stream", func() error {
		p := params(long + "openai go " + d.base())
		p.MaxCompletionTokens = openai.Int(900)
		once := breakOnce()
		_, err := stream(c, p, func(chunk openai.ChatCompletionChunk) {
			if len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != "" {
				once()
			}
		})
		return says(err, "engine_killed")
	})
	r.refused("a model removed", func() error { _, err := c.Models.Delete(t.Context(), model); return explains(err, "abaton models rm") })
	r.refused("a parameter not served", func() error {
		p := params(question)
		p.LogitBias = map[string]int64{"50256": -100}
		_, err := c.Chat.Completions.New(t.Context(), p)
		return explains(err, "logit_bias")
	})
	r.refused("files", func() error { _, err := c.Files.List(t.Context(), openai.FileListParams{}); return says(err, "404") })
	return r.all
}

// explains wants an error that was answered with some words in it.
func explains(err error, words string) error {
	e, ok := errors.AsType[*openai.Error](err)
	if !ok || !strings.Contains(e.Message, words) {
		return fmt.Errorf("the error is %v, without %q", err, words)
	}
	return nil
}

// What clients in Go have in common.

const (
	terse    = "Answer the question truthfully and in few words." // the model is very small
	question = "What is the capital of France?"
	long     = "Tell me a very long story about a lighthouse, a storm and a ship, with many chapters. "
)

var (
	place = map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}, "required": []string{"city"}}
	town  = map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}, "big": map[string]any{"type": "boolean"}},
		"required": []string{"city", "big"}, "additionalProperties": false}
	texts = []string{"a cat", "a kitten", "the stock market"}
)

// client reaches a door by its Unix socket.
func (d door) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", d.way())
	}}}
}

// results collects checks.
type results struct {
	door door
	all  []check
}

func (r *results) check(name string, act func() error) { r.do(name, pass, act) }

// refused is a check of something that must not be: act gives nil if it was
// refused as it should be.
func (r *results) refused(name string, act func() error) { r.do(name, refused, act) }

func (r *results) do(name, outcome string, act func() error) {
	if !r.door.tries(name) {
		return
	}
	if err := act(); err != nil {
		outcome = err.Error()
	}
	r.all = append(r.all, check{name, outcome})
}

func paris(text string) error {
	if !strings.Contains(text, "Paris") {
		return fmt.Errorf("the answer is %q", text)
	}
	return nil
}

func fits(text string) error {
	var v struct {
		City *string
		Big  *bool
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil || v.City == nil || v.Big == nil {
		return fmt.Errorf("it is %q, not as the schema says: %w", text, err)
	}
	return nil
}

func isWeather(name string, arguments []byte) error {
	var v struct{ City *string }
	if err := json.Unmarshal(arguments, &v); err != nil || v.City == nil || name != "weather" {
		return fmt.Errorf("the call is %s(%s): %w", name, arguments, err)
	}
	return nil
}

// near holds vectors of texts against each other.
func near[F float32 | float64](x, y, z []F) error {
	dot := func(a, b []F) (sum F) {
		for i := range a {
			sum += a[i] * b[i]
		}
		return sum
	}
	if len(x) != 384 || len(y) != len(x) || len(z) != len(x) || dot(x, y) <= dot(x, z) {
		return fmt.Errorf("vectors of %d, %d, %d numbers", len(x), len(y), len(z))
	}
	return nil
}

// says wants an error with some words in it.
func says(err error, words string) error {
	if err == nil || !strings.Contains(err.Error(), words) {
		return fmt.Errorf("the error is %v, without %q", err, words)
	}
	return nil
}

// breakOnce takes the engine's process away at its first call.
func breakOnce() func() {
	done := false
	return func() {
		if !done {
			done = true
			_ = breakWorkers() // else the stream ends well, which is the error
		}
	}
}
