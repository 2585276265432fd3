package api

import (
	"errors"
	"fmt"
	"slices"

	"abaton.local/api/anthropic"
	"abaton.local/api/ollama"
	"abaton.local/api/openai"
	"abaton.local/engine"
	"abaton.local/models"
)

// list gives what is on the shelf. A damaged passport hides its own model only.
func (a *API) list() ([]models.Passport, error) {
	shelf, err := a.Shelf.List()
	if err != nil && len(shelf) == 0 {
		return nil, err
	}
	if err != nil {
		a.Log.Warn("some models cannot be listed; `abaton models` says why")
	}
	return slices.DeleteFunc(shelf, func(p models.Passport) bool { return p.Role == models.Eyes }), nil // they are no model
}

func (a *API) models(x exchange) {
	shelf, err := a.list()
	if err != nil {
		a.fail(x, err)
		return
	}
	list := []openai.Model{}
	for _, p := range shelf {
		list = append(list, listed(p))
	}
	a.sendJSON(x, openai.EncodeModels(list))
}

// model shows one.
func (a *API) model(x exchange) {
	p, err := a.Shelf.Find(x.name)
	if err != nil {
		a.fail(x, err)
		return
	}
	a.sendJSON(x, listed(p).Encode())
}

func listed(p models.Passport) openai.Model {
	return openai.Model{Name: p.Name, Created: p.FetchedAt}
}

func (a *API) anthropicModels(x exchange) {
	page, err := anthropic.DecodePage(x.r.URL.Query())
	if err != nil {
		a.fail(x, err)
		return
	}
	shelf, err := a.list()
	if err != nil {
		a.fail(x, err)
		return
	}
	var list []anthropic.Model
	for _, p := range shelf {
		if p.Role == chatRole {
			list = append(list, anthropicModel(p))
		}
	}
	body, err := anthropic.EncodeModels(list, page)
	if err != nil {
		a.fail(x, err)
		return
	}
	a.sendJSON(x, body)
}

func (a *API) anthropicModel(x exchange) {
	p, err := a.Shelf.Find(x.name)
	if err != nil {
		a.fail(x, err)
		return
	}
	a.sendJSON(x, anthropicModel(p).Encode())
}

func anthropicModel(p models.Passport) anthropic.Model {
	return anthropic.Model{Name: p.Name, Created: p.FetchedAt, ContextTokens: int(min(p.ContextLength, 1<<30))}
}

func (a *API) ollamaRuns(x exchange)    { a.send(x, "text/plain; charset=utf-8", []byte(ollama.Running)) }
func (a *API) ollamaVersion(x exchange) { a.sendJSON(x, ollama.EncodeVersion()) }

func (a *API) ollamaTags(x exchange) {
	shelf, err := a.list()
	if err != nil {
		a.fail(x, err)
		return
	}
	var list []ollama.Model
	for _, p := range shelf {
		list = append(list, ollamaModel(p))
	}
	a.sendJSON(x, ollama.EncodeTags(list))
}

func ollamaModel(p models.Passport) ollama.Model {
	return ollama.Model{Name: p.Name, Digest: p.Digest.String(), Size: p.Size, Modified: p.FetchedAt,
		Architecture: p.Architecture, Parameters: p.Parameters, Quantisation: p.Quantisation}
}

func (a *API) ollamaShow(x exchange) {
	body, err := readBody(x)
	if err != nil {
		a.fail(x, err)
		return
	}
	show, err := ollama.DecodeShow(body)
	if err != nil {
		a.fail(x, err)
		return
	}
	p, err := a.Shelf.Find(ollama.ShelfName(show.Model))
	if err != nil {
		a.fail(x, err)
		return
	}
	shape, err := a.Shelf.Shape(p)
	if err != nil {
		a.fail(x, err)
		return
	}
	can := []string{ollama.Completes, ollama.CallsTool}
	if !p.Projector.IsZero() {
		can = append(can, ollama.Sees)
	}
	if p.Role == embedRole {
		can = []string{ollama.Embeds}
	}
	a.sendJSON(x, ollama.Shown{Model: ollamaModel(p), Can: can, Licence: p.Licence, Context: shape.ContextLength, Embedding: shape.Embedding}.Encode())
}

// ollamaPS shows what is in memory for the person who asks: what others have
// loaded is not theirs to know.
func (a *API) ollamaPS(x exchange) {
	var list []ollama.Loaded
	if a.Workers != nil {
		for _, w := range a.Workers.Workers() {
			if w.Person != engine.Person(x.session.Person) {
				continue
			}
			p, err := a.Shelf.Find(w.Model.String())
			if err != nil {
				continue // removed meanwhile
			}
			list = append(list, ollama.Loaded{Model: ollamaModel(p), Memory: w.Memory, Context: w.Context, Expires: w.Until})
		}
	}
	a.sendJSON(x, ollama.EncodePS(list))
}

// loadOrLeave gets a model ready for a person, or lets it go.
func (a *API) loadOrLeave(x exchange, req ollama.Request) (name string, err error) {
	if a.Workers == nil {
		return "", errors.New("there are no workers to load")
	}
	prompt, passport, err := a.Chat.Prompt(x.session, req.Ask)
	if err != nil {
		return "", err
	}
	if req.Unload {
		a.Workers.Unload(prompt.Person, prompt.Model)
		return passport.Name, nil
	}
	if err := a.Workers.Load(x.r.Context(), prompt); err != nil {
		return "", fmt.Errorf("loading a model: %w", err)
	}
	return passport.Name, nil
}
