package clients

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"
)

// goAnthropic asks through Anthropic's own library for Go.
func goAnthropic(t *testing.T, d door) []check {
	sdk := func(key option.RequestOption) anthropic.Client {
		return anthropic.NewClient(option.WithBaseURL(d.base()), key, option.WithMaxRetries(0), option.WithHTTPClient(d.client()))
	}
	c := sdk(option.WithAPIKey(d.key()))
	params := func(text string) anthropic.MessageNewParams {
		return anthropic.MessageNewParams{
			Model: model, MaxTokens: 40, System: []anthropic.TextBlockParam{{Text: terse}},
			Messages: []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(text))},
		}
	}
	zero := option.WithJSONSet("temperature", 0)
	stream := func(c anthropic.Client, p anthropic.MessageNewParams, each func()) (whole anthropic.Message, pieces int, err error) {
		s := c.Messages.NewStreaming(t.Context(), p, zero)
		defer s.Close()
		for s.Next() {
			if err := whole.Accumulate(s.Current()); err != nil {
				return whole, pieces, fmt.Errorf("the library cannot add up %s: %w", s.Current().RawJSON(), err)
			}
			if s.Current().Type == "content_block_delta" && s.Current().Delta.Text != "" {
				pieces++
				if each != nil {
					each()
				}
			}
		}
		return whole, pieces, s.Err()
	}
	weather := func() anthropic.MessageNewParams {
		p := params("What is the weather in Paris?")
		p.MaxTokens = 100
		p.Tools = []anthropic.ToolUnionParam{{OfTool: &anthropic.ToolParam{Name: "weather", Description: anthropic.String("The weather of a city."),
			InputSchema: anthropic.ToolInputSchemaParam{Properties: place["properties"], Required: []string{"city"}}}}}
		p.ToolChoice = anthropic.ToolChoiceUnionParam{OfAny: &anthropic.ToolChoiceAnyParam{}}
		return p
	}
	called := func(m anthropic.Message) error {
		for _, b := range m.Content {
			if b.Type == "tool_use" {
				return isWeather(b.Name, b.Input)
			}
		}
		return fmt.Errorf("no call: %s", m.RawJSON())
	}
	fails := func(c anthropic.Client, p anthropic.MessageNewParams, status int) error {
		_, whole := c.Messages.New(t.Context(), p)
		_, _, streamed := stream(c, p, nil)
		for i, err := range []error{whole, streamed} {
			if i == 1 && status == 400 && shaped() == "yes" {
				if err := says(err, "invalid_request_error"); err != nil {
					return err
				}
				continue
			}
			if e, ok := errors.AsType[*anthropic.Error](err); !ok || e.StatusCode != status {
				return fmt.Errorf("it is %v, not %d", err, status)
			}
		}
		return nil
	}
	whole := func(c anthropic.Client) error {
		a, err := c.Messages.New(t.Context(), params(question), zero)
		if err != nil {
			return err
		}
		if a.StopReason != "end_turn" || a.Usage.InputTokens == 0 || a.Usage.OutputTokens == 0 || a.Model != model {
			return fmt.Errorf("%s", a.RawJSON())
		}
		return paris(a.Content[0].Text)
	}
	r := results{door: d}
	r.check("messages", func() error { return whole(c) })
	r.check("messages, streamed", func() error {
		a, pieces, err := stream(c, params(question), nil)
		if err != nil {
			return err
		}
		if pieces < leastPieces() || a.StopReason != "end_turn" || a.Usage.OutputTokens == 0 {
			return fmt.Errorf("%d pieces, %+v", pieces, a)
		}
		return paris(a.Content[0].Text)
	})
	r.check("tools, called and answered", func() error {
		p := weather()
		a, err := c.Messages.New(t.Context(), p, zero)
		if err != nil {
			return err
		}
		if err := called(*a); err != nil {
			return err
		}
		var said []anthropic.ContentBlockParamUnion // one for each call: there may be several
		for _, b := range a.Content {
			if b.Type == "tool_use" {
				said = append(said, anthropic.NewToolResultBlock(b.ID, "sunny", false))
			}
		}
		p.ToolChoice = anthropic.ToolChoiceUnionParam{}
		p.Messages = append(p.Messages, a.ToParam(), anthropic.NewUserMessage(said...))
		if a, err = c.Messages.New(t.Context(), p, zero); err == nil && len(a.Content) == 0 {
			err = errors.New("no answer after the tool's")
		}
		return err
	})
	r.check("tools, streamed", func() error {
		a, _, err := stream(c, weather(), nil)
		if err == nil {
			err = called(a)
		}
		return err
	})
	r.check("JSON schema", func() error {
		p := params("Is Paris a big city?")
		p.MaxTokens = 100
		p.OutputConfig.Format = anthropic.JSONOutputFormatParam{Schema: town}
		a, err := c.Messages.New(t.Context(), p, zero)
		if err != nil {
			return err
		}
		return fits(a.Content[0].Text)
	})
	if shaped() == "yes" {
		r.check("questions of one size", func() error {
			var shape string
			c := anthropic.NewClient(option.WithBaseURL(d.base()), option.WithAPIKey(d.key()), option.WithHTTPClient(d.paddedClient(&shape)))
			return errors.Join(whole(c), wasPadded(shape))
		})
	}
	r.check("count_tokens", func() error {
		p := anthropic.MessageCountTokensParams{Model: model, Messages: params(question).Messages}
		n, err := c.Messages.CountTokens(t.Context(), p)
		if err != nil {
			return err
		}
		p.Messages = params(strings.Repeat(question, 2)).Messages
		more, err := c.Messages.CountTokens(t.Context(), p)
		if err == nil && (n.InputTokens <= 0 || more.InputTokens <= n.InputTokens) {
			err = fmt.Errorf("%d, then %d", n.InputTokens, more.InputTokens)
		}
		return err
	})
	r.check("models", func() error {
		list, err := c.Models.List(t.Context(), anthropic.ModelListParams{})
		if err != nil {
			return err
		}
		one, err := c.Models.Get(t.Context(), model, anthropic.ModelGetParams{})
		if err == nil && (len(list.Data) != 1 || one.ID != model) {
			err = fmt.Errorf("%s, %s", list.RawJSON(), one.RawJSON())
		}
		return err
	})
	if d == byKey {
		r.check("messages, as a bearer token", func() error { return whole(sdk(option.WithAuthToken(d.key()))) })
		r.check("error: wrong key", func() error { return fails(sdk(option.WithAPIKey("abt_wrong")), params(question), 401) })
	}
	unknown := params(question)
	unknown.Model = "no-such-model"
	r.check("error: unknown model", func() error { return fails(c, unknown, 404) })
	r.check("error: too long", func() error { return fails(c, params(strings.Repeat("word ", 60_000)), 400) })
	r.check("error in the middle of a stream", func() error {
		p := params(long + "anthropic go " + d.base())
		p.MaxTokens = 900
		_, _, err := stream(c, p, breakOnce())
		return says(err, "was killed")
	})
	r.refused("batches", func() error {
		_, err := c.Messages.Batches.List(t.Context(), anthropic.MessageBatchListParams{})
		return says(err, "404")
	})
	return r.all
}
