package openai

import (
	"strconv"
	"strings"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

type responseObject struct {
	ID         string         `json:"id"`
	Object     string         `json:"object"`
	CreatedAt  int64          `json:"created_at"`
	Status     string         `json:"status"`
	Background bool           `json:"background"`
	Error      *responseError `json:"error"`
	Incomplete *incomplete    `json:"incomplete_details"`
	Model      string         `json:"model"`
	Output     []item         `json:"output"`
	shown
	Usage *responseUsage `json:"usage,omitempty"`
	Cut   int            `json:"abaton_cut,omitempty"` // turns that were left out to make the rest fit
}

type responseError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type incomplete struct {
	Reason string `json:"reason"`
}

// responseUsage has the details that the dialect wants of everybody; which
// tokens were cached or reasoning is not counted here.
type responseUsage struct {
	Input   int `json:"input_tokens"`
	Details struct {
		Cached  int `json:"cached_tokens"`
		Written int `json:"cache_write_tokens"`
	} `json:"input_tokens_details"`
	Output        int `json:"output_tokens"`
	OutputDetails struct {
		Reasoning int `json:"reasoning_tokens"`
	} `json:"output_tokens_details"`
	Total int `json:"total_tokens"`
}

// item is one of the output, or of the input as it is shown again.
type item struct {
	ID        string   `json:"id"`
	Type      itemKind `json:"type"`
	Status    string   `json:"status,omitempty"`
	Role      string   `json:"role,omitempty"`
	Summary   *[]part  `json:"summary,omitempty"`
	Content   *[]part  `json:"content,omitempty"`
	CallID    string   `json:"call_id,omitempty"`
	Name      string   `json:"name,omitempty"`
	Arguments *string  `json:"arguments,omitempty"`
	Output    *string  `json:"output,omitempty"`

	Queries   *[]string  `json:"queries,omitempty"`          // of a file_search_call
	Results   *[]result  `json:"results,omitempty"`          // null where they were not asked for
	Conflicts []conflict `json:"abaton_conflicts,omitempty"` // of these, beside them
}

type part struct {
	Type        string          `json:"type"`
	Text        *string         `json:"text,omitempty"`
	Annotations *[]annotation   `json:"annotations,omitempty"`
	LogProbs    *[]tokenLogProb `json:"logprobs,omitempty"`
	ImageURL    string          `json:"image_url,omitempty"`
	Detail      string          `json:"detail,omitempty"`
}

func outputText(text string, probs []engine.LogProb, notes ...annotation) part {
	if notes == nil {
		notes = []annotation{}
	}
	return part{Type: "output_text", Text: &text, Annotations: &notes, LogProbs: new(tokenLogProbs(probs))}
}

// itemID names the i-th item of a response: its id is the response's own with
// another beginning.
func (a Answer) itemID(prefix string, i int) string {
	return prefix + "_" + strings.TrimPrefix(a.ID, "resp_") + "_" + strconv.Itoa(i)
}

// item shows an entry of the input.
func (e entry) item(a Answer, i int) item {
	switch e.kind {
	case aCall:
		return item{ID: a.itemID("fci", i), Type: aCall, Status: "completed", CallID: e.call.ID, Name: e.call.Name, Arguments: &e.call.Arguments}
	case anOutput:
		return item{ID: a.itemID("fco", i), Type: anOutput, Status: "completed", CallID: e.call.ID, Output: &e.text}
	case aReasoning:
		return item{ID: a.itemID("rsi", i), Type: aReasoning, Summary: &[]part{}, Content: &[]part{{Type: "reasoning_text", Text: &e.text}}}
	}
	out := item{ID: a.itemID("in", i), Type: aMessage, Status: "completed", Role: e.role}
	if e.role == "assistant" {
		out.Content = &[]part{outputText(e.text, nil)}
		return out
	}
	parts := []part{}
	if e.text != "" || len(e.pictures) == 0 {
		parts = append(parts, part{Type: "input_text", Text: &e.text})
	}
	for _, p := range e.pictures {
		parts = append(parts, part{Type: "input_image", ImageURL: p.url, Detail: "auto"})
	}
	out.Content = &parts
	return out
}

// errorOf is a failure inside a response, which knows few words.
func errorOf(p wire.Problem) *responseError {
	code := "server_error"
	switch {
	case p.Status == 429:
		code = "rate_limit_exceeded"
	case p.Status < 500:
		code = "invalid_prompt"
	}
	return &responseError{code, p.Message}
}
