package openai

import (
	"cmp"
	"slices"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

// RerankRequest is a decoded POST /v1/rerank. OpenAI has no such endpoint; this
// is the form of Jina and Cohere, and that of Hugging Face's servers where the
// documents are called texts.
type RerankRequest struct {
	Model  string
	Query  string
	Texts  []string
	Top    int  // the most results; 0 for all
	Return bool // the documents, too
	Forged bool
	older  bool // texts instead of documents: a bare list comes back
}

// DecodeRerank reads the body of POST /v1/rerank. Any error is a
// *wire.BadRequest.
func DecodeRerank(body []byte) (RerankRequest, error) {
	root, err := wire.Parse(body)
	if err != nil {
		return RerankRequest{}, err
	}
	var req RerankRequest
	d := &decoder{}
	have := d.root(root, Rerank, table{
		"model":            func(v wire.Value, at string) { req.Model = d.Name(v, at) },
		"query":            d.text(&req.Query),
		"documents":        func(v wire.Value, at string) { req.Texts = d.documents(v, at) },
		"texts":            func(v wire.Value, at string) { req.Texts, req.older = d.documents(v, at), true },
		"top_n":            func(v wire.Value, at string) { req.Top = int(d.Int(v, at, 1, 1<<31-1)) },
		"return_documents": d.flag(&req.Return),
		"return_text":      d.flag(&req.Return),
	})
	switch {
	case have["documents"] == have["texts"]:
		d.Fail("documents", wire.Missing, "documents is missing, or texts is sent, too: send one list of texts.")
	case req.Query == "":
		d.Fail("query", wire.Missing, "query is missing or empty: send a text.")
	case req.older && have["return_documents"], !req.older && have["return_text"]:
		d.Fail("return_documents", wire.Invalid, "return_documents goes with documents, and return_text with texts.")
	}
	if d.Err != nil {
		return RerankRequest{}, d.Err
	}
	req.Forged = d.forged
	return req, nil
}

// documents reads texts, each as a string or in an object.
func (d *decoder) documents(v wire.Value, at string) []string {
	list := d.list(v, at, "documents", 1, maxTexts)
	plain := make([]wire.Value, len(list))
	for i, e := range list {
		plain[i] = e
		if e.Kind != wire.Object {
			d.Want(e, index(at, i), wire.String)
			continue
		}
		var text string
		d.object(e, index(at, i), table{"text": d.text(&text)})
		plain[i] = wire.Value{Kind: wire.String, Text: text}
	}
	if d.Err != nil {
		return nil
	}
	return d.inputs(wire.Value{Kind: wire.List, List: plain}, at)
}

type ranked struct {
	Index    int        `json:"index"`
	Score    float64    `json:"relevance_score"`
	Document *aDocument `json:"document,omitempty"`
}

type aDocument struct {
	Text string `json:"text"`
}

type olderRanked struct {
	Index int     `json:"index"`
	Score float64 `json:"score"`
	Text  string  `json:"text,omitempty"`
}

// Encode gives the JSON body: the best first.
func (r RerankRequest) Encode(model string, ranks engine.Ranks) []byte {
	order := make([]int, min(len(ranks.Of), len(r.Texts)))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ranks.Of[b], ranks.Of[a]) })
	if r.Top > 0 {
		order = order[:min(r.Top, len(order))]
	}
	results, older := make([]ranked, len(order)), make([]olderRanked, len(order))
	for place, i := range order {
		results[place] = ranked{Index: i, Score: ranks.Of[i]}
		older[place] = olderRanked{Index: i, Score: ranks.Of[i]}
		if r.Return {
			results[place].Document, older[place].Text = &aDocument{r.Texts[i]}, r.Texts[i]
		}
	}
	if r.older {
		return wire.Encode(older)
	}
	return wire.Encode(struct {
		Model   string    `json:"model"`
		Object  string    `json:"object"`
		Usage   textUsage `json:"usage"`
		Results []ranked  `json:"results"`
	}{model, "list", textUsage{ranks.Tokens, ranks.Tokens}, results})
}
