package openai

import (
	"slices"
	"strings"

	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/engine"
)

// Bounds of what a request says of libraries.
const (
	maxLibraries   = 32
	maxLibraryName = 64 // characters
)

// library reads the names of libraries in which an answer looks: one, or a list.
func (d *decoder) library(v wire.Value, at string, into *[]string) {
	list := []wire.Value{v}
	if v.Kind == wire.List {
		list = d.list(v, at, "names of libraries", 1, maxLibraries)
	}
	for i, x := range list {
		where := at
		if v.Kind == wire.List {
			where = index(at, i)
		}
		if !d.Want(x, where, wire.String) {
			return
		}
		if n := len([]rune(x.Text)); n == 0 || n > maxLibraryName {
			d.Fail(where, wire.Invalid, "%s is no name of a library; send one of 1 to %d characters.", where, maxLibraryName)
			return
		}
		if !slices.Contains(*into, x.Text) {
			*into = append(*into, x.Text)
		}
	}
}

// searches takes file_search out of a list of tools, and gives the others. The
// stores that it names are libraries here.
func (d *decoder) searches(v wire.Value, at string, req *ResponseRequest) wire.Value {
	if v.Kind != wire.List {
		return v
	}
	var rest []wire.Value
	for i, t := range v.List {
		if kind(t) != "file_search" {
			rest = append(rest, t)
			continue
		}
		where := index(at, i)
		have := d.object(t, where, table{
			"type":             d.is(wire.String),
			"vector_store_ids": func(v wire.Value, at string) { d.library(v, at, &req.Libraries) },
			"filters":          nil, "max_num_results": nil, "ranking_options": nil, // how passages are found is the server's to say
		})
		if !have["vector_store_ids"] {
			d.Fail(where+".vector_store_ids", wire.Missing, "%s.vector_store_ids is missing: name one of your libraries, or several.", where)
		}
		req.shown.Tools = append(req.shown.Tools, searchShown{"file_search", slices.Clone(req.Libraries)})
	}
	v.List = rest
	return v
}

type searchShown struct {
	Type   string   `json:"type"`
	Stores []string `json:"vector_store_ids"`
}

// choosesSearch reads a choice that is about file_search alone, false where it is
// about other tools.
func (d *decoder) choosesSearch(v wire.Value, req *ResponseRequest) bool {
	switch {
	case kind(v) == "file_search":
		d.object(v, "tool_choice", table{"type": d.is(wire.String)})
	case v.Kind == wire.String && (v.Text == "auto" || v.Text == "required"):
	case v.Kind == wire.String && v.Text == "none":
		req.Libraries = nil
	default:
		return false
	}
	return true
}

// readsOnly refuses what an answer that reads documents cannot have: it can do
// nothing but be shown, in sentences that are held against the passages.
func (d *decoder) readsOnly(req *Request) {
	if len(req.Libraries) == 0 {
		return
	}
	o := &req.Ask.Options
	no := func(at, why string) {
		d.Fail(at, wire.Unsupported, "%s cannot be sent together with a library: %s Leave one of them out.", at, why)
	}
	switch {
	case len(o.Tools) > 0 || req.Legacy:
		no("tools", "an answer that reads documents can call nothing.")
	case len(o.JSONSchema) > 0 || o.JSONObject:
		no("response_format", "the form of such an answer is fixed, so that its quotations can be looked up.")
	case req.Ask.Answers > 1:
		no("n", "there is one answer.")
	case o.LogProbs > 0:
		no("logprobs", "its sentences are put together from what the model wrote.")
	case len(o.Stop) > 0:
		no("stop", "the form of such an answer is fixed.")
	}
}

// Asked is the question of a request to libraries, and what the person said before
// it: nothing that a model said, or a document. ok is false where its last message
// is not the person's, or holds a picture.
func (r Request) Asked() (question string, said []string, ok bool) {
	n := len(r.Ask.Messages)
	if n == 0 || r.Ask.Messages[n-1].Role != engine.User || len(r.Pictures) > 0 {
		return "", nil, false
	}
	for _, m := range r.Ask.Messages[:n-1] {
		if m.Role == engine.User {
			said = append(said, m.Content)
		}
	}
	return r.Ask.Messages[n-1].Content, said, true
}

// source is a passage as chat completions tell it: an extension of the dialect.
type source struct {
	N        int     `json:"n"`
	Document string  `json:"document"`
	Name     string  `json:"name"`
	Library  string  `json:"library"`
	Heading  string  `json:"heading,omitempty"`
	Page     int     `json:"page,omitempty"`
	Passage  int     `json:"passage"`
	Text     string  `json:"text"`
	Score    float64 `json:"score"`
}

func sourcesOf(list []chat.Source) (out []source) {
	for i, s := range list {
		out = append(out, source{i + 1, s.Document, s.Name, s.Library, s.Heading, s.Page, s.Passage, s.Text, s.Score})
	}
	return out
}

// conflict is two stretches of sources that say the same but for a number.
type conflict struct {
	A stretch `json:"a"`
	B stretch `json:"b"`
}

type stretch struct {
	N    int    `json:"n"` // of the source
	Text string `json:"text"`
}

func conflictsOf(list []chat.Conflict) (out []conflict) {
	for _, c := range list {
		out = append(out, conflict{stretch{c.A.Source, c.A.Text}, stretch{c.B.Source, c.B.Text}})
	}
	return out
}

// result is a passage as a file_search_call tells it.
type result struct {
	Attributes map[string]any `json:"attributes"`
	FileID     string         `json:"file_id"`
	Filename   string         `json:"filename"`
	Score      float64        `json:"score"`
	Text       string         `json:"text"`
}

func resultsOf(list []chat.Source) *[]result {
	out := make([]result, len(list))
	for i, s := range list {
		out[i] = result{map[string]any{"library": s.Library, "passage": s.Passage}, s.Document, s.Name, s.Score, s.Text}
		if s.Page > 0 {
			out[i].Attributes["page"] = s.Page
		}
		if s.Heading != "" {
			out[i].Attributes["heading"] = s.Heading
		}
	}
	return &out
}

// annotation says which passage a place of an answer's text rests on.
type annotation struct {
	Type     string `json:"type"`
	FileID   string `json:"file_id"`
	Filename string `json:"filename"`
	Index    int    `json:"index"`
}

// cited are the annotations of what was said until now.
func (o *output) cited(sources []chat.Source, numbers []int) {
	for _, n := range numbers {
		if n < 1 || n > len(sources) {
			continue
		}
		s := sources[n-1]
		o.notes = append(o.notes, annotation{"file_citation", s.Document, s.Name, len([]rune(strings.TrimRight(o.text.String(), "\n")))})
	}
}
