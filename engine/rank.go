package engine

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"slices"
)

// rank tells how well checked texts answer a query. The engine takes both as
// texts alone, and with some models reads control tokens in them, so those are
// broken first.
func (w *worker) rank(ctx context.Context, query string, texts []string, pulse *pulse) (r Ranks, err error) {
	all, err := w.scrub.cleanTexts(ctx, append([]string{query}, texts...))
	if err != nil {
		return r, err
	}
	lists, err := w.client.tokensOf(ctx, all)
	if err != nil {
		return r, err
	}
	if len(lists[0]) == 0 {
		return r, outOfRange("query", "it has nothing that the model can read")
	}
	// One token more for the end of the query, beside those around a text.
	if _, err = w.measured(ctx, all[1:], len(lists[0])+len(w.around.before)+len(w.around.behind)+1, false); err != nil {
		return r, err
	}
	for first := 0; first < len(texts); first += meaningsAtOne {
		part := all[1+first : min(1+first+meaningsAtOne, len(all))]
		n := len(part) * len(lists[0])
		for _, l := range lists[1+first : 1+first+len(part)] {
			n += len(l)
		}
		pulse.wait(n)
		scores, tokens, err := w.client.scores(ctx, all[0], part)
		if err != nil {
			return Ranks{}, err
		}
		r.Of, r.Tokens = append(r.Of, scores...), r.Tokens+tokens
	}
	return r, nil
}

// scores asks for those of texts, in their order.
func (c *client) scores(ctx context.Context, query string, texts []string) ([]float64, int, error) {
	body, err := json.Marshal(struct {
		Query string   `json:"query"`
		Texts []string `json:"documents"`
	}{query, texts})
	if err != nil {
		return nil, 0, err
	}
	var v struct {
		Results []struct {
			Index *int     `json:"index"`
			Score *float64 `json:"relevance_score"`
		} `json:"results"`
		Usage struct {
			Tokens *int64 `json:"prompt_tokens"`
		} `json:"usage"`
	}
	if err := c.call(ctx, http.MethodPost, "/v1/rerank", body, &v); err != nil {
		return nil, 0, err
	}
	if len(v.Results) != len(texts) || v.Usage.Tokens == nil || !count(*v.Usage.Tokens) {
		return nil, 0, &badReply{"another number of scores"}
	}
	scores := slices.Repeat([]float64{math.NaN()}, len(texts))
	for _, s := range v.Results {
		// A model that cannot rank gives no numbers at all (null).
		if s.Index == nil || *s.Index < 0 || *s.Index >= len(texts) || !math.IsNaN(scores[*s.Index]) || s.Score == nil {
			return nil, 0, &badReply{"a score that cannot be"}
		}
		scores[*s.Index] = *s.Score
	}
	return scores, int(*v.Usage.Tokens), nil
}
