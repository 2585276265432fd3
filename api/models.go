package api

import (
	"abaton.local/api/openai"
	"abaton.local/models"
)

// models lists what can be chatted with. A damaged passport hides its own model
// only.
func (a *API) models(x exchange) {
	shelf, err := a.shelf.List()
	if err != nil && len(shelf) == 0 {
		a.fail(x.w, err)
		return
	}
	if err != nil {
		a.log.Warn("some models cannot be listed; `abaton models` says why")
	}
	list := []openai.Model{}
	for _, p := range shelf {
		if p.Role == chatRole {
			list = append(list, listed(p))
		}
	}
	a.sendJSON(x.w, openai.EncodeModels(list))
}

// model shows one.
func (a *API) model(x exchange) {
	p, err := a.shelf.Find(x.name)
	if err != nil {
		a.fail(x.w, err)
		return
	}
	a.sendJSON(x.w, listed(p).Encode())
}

const chatRole = "chat"

func listed(p models.Passport) openai.Model {
	return openai.Model{Name: p.Name, Created: p.FetchedAt}
}
