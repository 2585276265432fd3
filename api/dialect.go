package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"abaton.local/api/anthropic"
	"abaton.local/api/ollama"
	"abaton.local/api/openai"
	"abaton.local/api/wire"
)

// dialect is a way to be spoken to.
type dialect int

const (
	openAI dialect = iota
	ollamas
	anthropics
)

// dialectOf tells from where a request goes which dialect its client speaks.
func dialectOf(r *http.Request) dialect {
	path := r.URL.Path
	switch {
	case path == "/" || strings.HasPrefix(path, "/api/"):
		return ollamas
	case path == "/v1/messages" || strings.HasPrefix(path, "/v1/messages/"), r.Header.Get("anthropic-version") != "":
		return anthropics
	}
	return openAI
}

// body puts a failure into the dialect's words.
func (d dialect) body(p wire.Problem, id string) []byte {
	switch d {
	case ollamas:
		return ollama.Body(p)
	case anthropics:
		return anthropic.Body(p, id)
	}
	return openai.Body(p)
}

// nowhere tells of an address at which there is nothing.
func (d dialect) nowhere(path string) wire.Problem {
	if p, refused := ollama.Refusal(path); d == ollamas && refused {
		return p
	}
	var there []string
	for _, rt := range routes {
		if rt.speaks(d) && !slices.Contains(there, rt.path) {
			there = append(there, rt.path)
		}
	}
	return wire.Problem{Status: http.StatusNotFound, Code: "unknown_url", Message: "There is nothing at this address. Abaton serves " + strings.Join(there, ", ") + " here."}
}

// Refusal gives the body of a failure at the door, for a request that did not
// come as far as a route, in the words that its client expects.
func Refusal(r *http.Request, p wire.Problem, id string) []byte { return dialectOf(r).body(p, id) }

// say answers with a failure.
func (a *API) say(x exchange, p wire.Problem) {
	h := x.w.Header()
	h.Set("Content-Type", "application/json")
	switch {
	case p.Retry:
		h.Set("Retry-After", strconv.Itoa(max(1, p.After)))
	case p.Status >= 500:
		h.Set("X-Should-Retry", "false") // the official client libraries obey
	}
	if x.words == anthropics {
		h.Set("Request-Id", x.id)
	}
	x.w.WriteHeader(p.Status)
	x.w.Write(x.bucketed(x.words.body(p, x.id)))
}
