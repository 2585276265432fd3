package api

import (
	"net/http"

	"abaton.local/api/anthropic"
	"abaton.local/api/ollama"
	"abaton.local/api/openai"
	"abaton.local/api/wire"
	"abaton.local/engine"
	"abaton.local/models"
	"abaton.local/shaper"
)

// embeddings serves POST /v1/embeddings.
func (a *API) embeddings(x exchange) {
	a.meant(x, func(body []byte) ([]byte, error) {
		req, err := openai.DecodeEmbedding(body)
		if err != nil {
			return nil, err
		}
		a.stripped(x, req.Forged)
		passport, v, err := a.embed(x, req.Model, req.Texts, false)
		if err != nil {
			return nil, err
		}
		return req.Encode(passport.Name, v)
	})
}

// ollamaEmbed serves POST /api/embed.
func (a *API) ollamaEmbed(x exchange) { a.ollamaMeant(x, ollama.DecodeEmbed) }

// ollamaEmbeddings serves POST /api/embeddings.
func (a *API) ollamaEmbeddings(x exchange) { a.ollamaMeant(x, ollama.DecodeEmbeddings) }

func (a *API) ollamaMeant(x exchange, decode func([]byte) (ollama.Embed, error)) {
	a.meant(x, func(body []byte) ([]byte, error) {
		clock := a.clock()
		clock.shaped = x.shape > shaper.Off
		req, err := decode(body)
		if err != nil {
			return nil, err
		}
		a.stripped(x, req.Forged)
		if req.Load {
			passport, err := a.meaner(ollama.ShelfName(req.Model))
			return req.Encode(passport.Name, engine.Vectors{}, clock.times()), err
		}
		passport, v, err := a.embed(x, ollama.ShelfName(req.Model), req.Texts, !req.Whole)
		if err != nil {
			return nil, err
		}
		return req.Encode(passport.Name, v, clock.times()), nil
	})
}

// rerank serves POST /v1/rerank.
func (a *API) rerank(x exchange) {
	a.meant(x, func(body []byte) ([]byte, error) {
		req, err := openai.DecodeRerank(body)
		if err != nil {
			return nil, err
		}
		a.stripped(x, req.Forged)
		passport, err := a.role(req.Model, rankRole)
		if err != nil {
			return nil, err
		}
		ranks, err := a.Meaning.Rank(x.r.Context(), engine.Meaning{Person: engine.Person(x.session.Person), Model: passport.Digest, Texts: req.Texts, Query: req.Query})
		if err != nil {
			return nil, err
		}
		return req.Encode(passport.Name, ranks), nil
	})
}

// countTokens serves POST /v1/messages/count_tokens.
func (a *API) countTokens(x exchange) {
	a.meant(x, func(body []byte) ([]byte, error) {
		if err := anthropic.CheckVersion(x.r.Header.Get("anthropic-version")); err != nil {
			return nil, err
		}
		req, err := anthropic.DecodeCount(body)
		if err != nil {
			return nil, err
		}
		a.stripped(x, req.Forged)
		prompt, _, err := a.Chat.Prompt(x.session, pictured(req.Ask, req.Pictures))
		if err != nil {
			return nil, err
		}
		n, err := a.Meaning.Count(x.r.Context(), prompt)
		return anthropic.EncodeCount(n), err
	})
}

// meant reads a body and sends what is made of it, or why not.
func (a *API) meant(x exchange, answer func(body []byte) ([]byte, error)) {
	body, err := readBody(x)
	if err == nil && a.Meaning == nil {
		err = errNoMeaning
	}
	if err == nil {
		body, err = answer(body)
	}
	if err != nil {
		a.fail(x, err)
		return
	}
	a.sendJSON(x, body)
}

var errNoMeaning = &wire.BadRequest{Code: wire.Unsupported, Message: "Embeddings, ranks and counts are not served here."}

func (a *API) stripped(x exchange, forged bool) {
	if forged {
		a.Forged(x.session)
	}
}

func (a *API) embed(x exchange, model string, texts []string, cut bool) (models.Passport, engine.Vectors, error) {
	passport, err := a.meaner(model)
	if err != nil {
		return passport, engine.Vectors{}, err
	}
	v, err := a.Meaning.Embed(x.r.Context(), engine.Meaning{Person: engine.Person(x.session.Person), Model: passport.Digest, Texts: texts, Cut: cut})
	return passport, v, err
}

func (a *API) meaner(name string) (models.Passport, error) { return a.role(name, embedRole) }

// role finds a model that is named, or the first of a role.
func (a *API) role(name, role string) (models.Passport, error) {
	if name != "" {
		p, err := a.Shelf.Find(name)
		if err == nil && p.Role != role {
			return p, &wire.BadRequest{Param: "model", Code: wire.Invalid, Message: wrongRole[role]}
		}
		return p, err
	}
	shelf, err := a.Shelf.List()
	for _, p := range shelf {
		if p.Role == role {
			return p, nil
		}
	}
	if err != nil {
		return models.Passport{}, err
	}
	return models.Passport{}, errNone{role}
}

// Roles of models, as their passports name them.
const (
	chatRole  = "chat"
	embedRole = "embed"
	rankRole  = "rank"
)

var wrongRole = map[string]string{
	embedRole: "This model makes no embeddings. `abaton models` says what each is for.",
	rankRole:  "This model ranks no texts. `abaton models` says what each is for.",
}

// errNone says that there is no model of a role.
type errNone struct{ role string }

func (e errNone) Error() string { return "no model for this is on this machine" }

func (e errNone) problem() wire.Problem {
	what := map[string]string{embedRole: "makes embeddings", rankRole: "ranks texts"}[e.role]
	return wire.Problem{Status: http.StatusNotFound, Code: "model_not_found", Param: "model",
		Message: "No model that " + what + " is on this machine. `abaton pull NAME` fetches one, such as granite-embedding-107m-multilingual for embeddings."}
}
