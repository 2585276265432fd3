package clients

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"
)

// withHeader adds the key, which Ollama's library has no field for.
type withHeader struct {
	next http.RoundTripper
	key  string
}

func (w withHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+w.key)
	return w.next.RoundTrip(r)
}

// goOllama asks through the library for Go that is part of Ollama.
func goOllama(t *testing.T, d door) []check {
	base, err := url.Parse(d.base())
	if err != nil {
		t.Fatal(err)
	}
	sdk := func(key string) *api.Client {
		hc := d.client()
		if d == byKey {
			hc.Transport = withHeader{hc.Transport, key}
		}
		return api.NewClient(base, hc)
	}
	c := sdk(d.key())
	request := func(text string) *api.ChatRequest {
		return &api.ChatRequest{Model: model, Stream: new(false), Options: map[string]any{"temperature": 0, "num_predict": 40},
			Messages: []api.Message{{Role: "system", Content: terse}, {Role: "user", Content: text}}}
	}
	type answer struct {
		text   strings.Builder
		last   api.ChatResponse
		pieces int
	}
	ask := func(c *api.Client, r *api.ChatRequest, each func()) (*answer, error) {
		var a answer
		err := c.Chat(t.Context(), r, func(p api.ChatResponse) error {
			a.text.WriteString(p.Message.Content)
			a.last = p
			a.pieces++
			if each != nil && p.Message.Content != "" {
				each()
			}
			return nil
		})
		return &a, err
	}
	fails := func(c *api.Client, r *api.ChatRequest, words string) error {
		for _, stream := range []bool{false, true} {
			r.Stream = &stream
			_, err := ask(c, r, nil)
			if err := says(err, words); err != nil {
				return err
			}
			if stream && words == "tokens" && shaped() == "yes" {
				continue // it came in the stream
			}
			status, isStatus := errors.AsType[api.StatusError](err)
			_, isKey := errors.AsType[api.AuthorizationError](err)
			if !isKey && (!isStatus || status.StatusCode < 400) {
				return fmt.Errorf("it is a %T", err)
			}
		}
		return nil
	}
	r := results{door: d}
	r.check("chat", func() error {
		a, err := ask(c, request(question), nil)
		if err != nil {
			return err
		}
		if !a.last.Done || a.last.DoneReason != "stop" || a.last.EvalCount == 0 || a.last.PromptEvalCount == 0 || a.last.Model != model {
			return fmt.Errorf("%+v", a.last)
		}
		return paris(a.text.String())
	})
	r.check("chat, streamed", func() error {
		q := request(question)
		q.Stream = nil
		a, err := ask(c, q, nil)
		if err == nil && (a.pieces < 3 || !a.last.Done) {
			err = fmt.Errorf("%d pieces, %+v", a.pieces, a.last)
		}
		return errors.Join(err, paris(a.text.String()))
	})
	generate := func(q api.GenerateRequest) error {
		var errs []error
		for _, stream := range []bool{false, true} {
			var text strings.Builder
			q.Model, q.Stream, q.Options = model, &stream, map[string]any{"temperature": 0, "num_predict": 40}
			err := c.Generate(t.Context(), &q, func(p api.GenerateResponse) error { text.WriteString(p.Response); return nil })
			errs = append(errs, err, paris(text.String()))
		}
		return errors.Join(errs...)
	}
	r.check("generate", func() error { return generate(api.GenerateRequest{Prompt: question, System: terse}) })
	r.check("generate, raw", func() error { return generate(api.GenerateRequest{Prompt: "The capital of France is", Raw: true}) })
	r.check("tools, offered and answered", func() error {
		// This dialect cannot force a call: an answer is a call or a text, and both are right.
		city := api.NewToolPropertiesMap()
		city.Set("city", api.ToolProperty{Type: api.PropertyType{"string"}})
		tools := api.Tools{{Type: "function", Function: api.ToolFunction{Name: "weather", Description: "The weather of a city.",
			Parameters: api.ToolFunctionParameters{Type: "object", Required: []string{"city"}, Properties: city}}}}
		arguments := api.NewToolCallFunctionArguments()
		arguments.Set("city", "Paris")
		q := request("What is the weather in Paris?")
		q.Tools, q.Options["num_predict"] = tools, 200
		for range 2 {
			a, err := ask(c, q, nil)
			if err != nil {
				return err
			}
			if a.text.Len() == 0 && len(a.last.Message.ToolCalls) == 0 && a.last.DoneReason != "length" {
				return fmt.Errorf("neither text nor call: %+v", a.last)
			}
			q.Messages = append(q.Messages, api.Message{Role: "assistant", ToolCalls: []api.ToolCall{{Function: api.ToolCallFunction{Name: "weather", Arguments: arguments}}}},
				api.Message{Role: "tool", ToolName: "weather", Content: "sunny"})
		}
		return nil
	})
	r.check("JSON schema", func() error {
		q := request("Is Paris a big city?")
		q.Options["num_predict"] = 100
		if q.Format, err = json.Marshal(town); err != nil {
			return err
		}
		a, err := ask(c, q, nil)
		if err != nil {
			return err
		}
		return fits(a.text.String())
	})
	r.check("log probabilities", func() error {
		q := request(question)
		q.Logprobs, q.TopLogprobs = true, 2
		a, err := ask(c, q, nil)
		if err == nil && (len(a.last.Logprobs) == 0 || len(a.last.Logprobs[0].TopLogprobs) != 2) {
			err = fmt.Errorf("%+v", a.last.Logprobs)
		}
		return err
	})
	if shaped() == "yes" {
		r.check("questions of one size", func() error {
			var shape string
			hc := d.paddedClient(&shape)
			hc.Transport = withHeader{hc.Transport, d.key()}
			a, err := ask(api.NewClient(base, hc), request(question), nil)
			if err != nil {
				return err
			}
			return errors.Join(wasPadded(shape), paris(a.text.String()))
		})
	}
	r.check("embed, embeddings", func() error {
		a, err := c.Embed(t.Context(), &api.EmbedRequest{Model: embedder, Input: texts})
		if err != nil {
			return err
		}
		old, err := c.Embeddings(t.Context(), &api.EmbeddingRequest{Model: embedder, Prompt: "a cat"})
		if err == nil && len(old.Embedding) != 384 {
			err = fmt.Errorf("%d numbers", len(old.Embedding))
		}
		return errors.Join(err, near(a.Embeddings[0], a.Embeddings[1], a.Embeddings[2]))
	})
	r.check("list, show, ps", func() error {
		list, err := c.List(t.Context())
		if err != nil {
			return err
		}
		shown, err := c.Show(t.Context(), &api.ShowRequest{Model: model})
		if err != nil {
			return err
		}
		loaded, err := c.ListRunning(t.Context())
		if err == nil && (len(list.Models) != 2 || shown.Details.Family != "llama" || len(shown.Capabilities) == 0 || len(loaded.Models) == 0) {
			err = fmt.Errorf("%+v, %+v, %+v", list, shown, loaded)
		}
		return err
	})
	r.check("version", func() error { _, err := c.Version(t.Context()); return err })
	r.check("heartbeat", func() error { return c.Heartbeat(t.Context()) })
	if d == byKey {
		r.check("error: wrong key", func() error { return fails(sdk("abt_wrong"), request(question), "") })
	}
	unknown := request(question)
	unknown.Model = "no-such-model"
	r.check("error: unknown model", func() error { return fails(c, unknown, "no-such-model") })
	r.check("error: too long", func() error { return fails(c, request(strings.Repeat("word ", 60_000)), "tokens") })
	r.check("error in the middle of a stream", func() error {
		q := request(long + "ollama go " + d.base())
		q.Stream, q.Options["num_predict"] = nil, 900
		_, err := ask(c, q, breakOnce())
		return says(err, "was killed")
	})
	r.refused("pull", func() error {
		return says(c.Pull(t.Context(), &api.PullRequest{Model: "llama3"}, func(api.ProgressResponse) error { return nil }), "abaton pull")
	})
	r.refused("create", func() error {
		return says(c.Create(t.Context(), &api.CreateRequest{Model: "mine", From: model}, func(api.ProgressResponse) error { return nil }), "abaton pull")
	})
	r.refused("push", func() error {
		return says(c.Push(t.Context(), &api.PushRequest{Model: model}, func(api.ProgressResponse) error { return nil }), "abaton models")
	})
	r.refused("copy", func() error {
		return says(c.Copy(t.Context(), &api.CopyRequest{Source: model, Destination: "mine"}), "abaton models")
	})
	r.refused("delete", func() error { return says(c.Delete(t.Context(), &api.DeleteRequest{Model: model}), "abaton models rm") })
	return r.all
}
