package api

import (
	"net/http"
	"slices"
	"strings"
)

// route is one line of the table. A path that ends in "/" also covers what
// follows it: one name.
type route struct {
	method, path string
	serve        func(*API, exchange)
	only         []dialect // none: whoever comes
}

func (rt route) speaks(d dialect) bool {
	if slices.Contains(rt.only, d) {
		return true
	}
	return len(rt.only) == 0
}

func (rt route) matches(path string) (name string, ok bool) {
	if !strings.HasSuffix(rt.path, "/") || rt.path == "/" {
		return "", path == rt.path
	}
	name, ok = strings.CutPrefix(path, rt.path)
	return name, ok && name != ""
}

// routes is everything that can be asked.
var routes = append(v1(
	route{http.MethodPost, "/chat/completions", questions(chatCompletion), nil},
	route{http.MethodPost, "/completions", questions(completion), nil},
	route{http.MethodPost, "/responses", questions(response), nil},
	route{http.MethodGet, "/responses/", (*API).storedResponse, nil},
	route{http.MethodPost, "/responses/", (*API).cancelResponse, nil},
	route{http.MethodDelete, "/responses/", (*API).deleteResponse, nil},
	route{http.MethodPost, "/embeddings", (*API).embeddings, nil},
	route{http.MethodPost, "/rerank", (*API).rerank, nil},
	route{http.MethodGet, "/models", (*API).models, []dialect{openAI}},
	route{http.MethodGet, "/models/", (*API).model, []dialect{openAI}},
	route{http.MethodDelete, "/models/", (*API).modelStays, []dialect{openAI}},
	route{http.MethodGet, "/models", (*API).anthropicModels, []dialect{anthropics}},
	route{http.MethodGet, "/models/", (*API).anthropicModel, []dialect{anthropics}},
), []route{
	{http.MethodPost, "/v1/messages", questions(messages), nil},
	{http.MethodPost, "/v1/messages/count_tokens", (*API).countTokens, nil},

	{http.MethodGet, "/", (*API).ollamaRuns, nil},
	{http.MethodHead, "/", (*API).ollamaRuns, nil},
	{http.MethodPost, "/api/chat", questions(ollamaChat), nil},
	{http.MethodPost, "/api/generate", questions(ollamaGenerate), nil},
	{http.MethodPost, "/api/embed", (*API).ollamaEmbed, nil},
	{http.MethodPost, "/api/embeddings", (*API).ollamaEmbeddings, nil},
	{http.MethodGet, "/api/tags", (*API).ollamaTags, nil},
	{http.MethodHead, "/api/tags", (*API).ollamaTags, nil},
	{http.MethodPost, "/api/show", (*API).ollamaShow, nil},
	{http.MethodGet, "/api/ps", (*API).ollamaPS, nil},
	{http.MethodGet, "/api/version", (*API).ollamaVersion, nil},
}...)

// v1 gives routes with and without /v1 before them, for base addresses are used
// both ways.
func v1(rs ...route) []route {
	var all []route
	for _, rt := range rs {
		bare := rt
		rt.path = "/v1" + rt.path
		all = append(all, rt, bare)
	}
	return all
}
