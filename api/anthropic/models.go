package anthropic

import (
	"slices"
	"time"

	"abaton.local/api/wire"
)

// Model is one line of GET /v1/models.
type Model struct {
	Name          string
	Created       time.Time // when it came onto the shelf
	ContextTokens int       // 0 where it is not known
}

type modelObject struct {
	Type        string `json:"type"`
	ID          string `json:"id"`
	DisplayName string `json:"display_name"`
	CreatedAt   string `json:"created_at"`
	Lifecycle   string `json:"lifecycle"`
	MostInput   *int   `json:"max_input_tokens"`
	MostTokens  *int   `json:"max_tokens"`
}

func (m Model) object() modelObject {
	o := modelObject{Type: "model", ID: m.Name, DisplayName: m.Name, Lifecycle: "active"}
	o.CreatedAt = time.Unix(max(m.Created.Unix(), 0), 0).UTC().Format(time.RFC3339)
	if m.ContextTokens > 0 {
		o.MostInput, o.MostTokens = &m.ContextTokens, &m.ContextTokens
	}
	return o
}

// Encode gives the body of GET /v1/models/{name}.
func (m Model) Encode() []byte { return wire.Encode(m.object()) }

// EncodeModels gives the body of GET /v1/models: a page of all models. Its
// errors are *wire.BadRequest.
func EncodeModels(models []Model, p Page) ([]byte, error) {
	page, more, err := p.of(models)
	if err != nil {
		return nil, err
	}
	list := struct {
		Data    []modelObject `json:"data"`
		HasMore bool          `json:"has_more"`
		FirstID *string       `json:"first_id"`
		LastID  *string       `json:"last_id"`
	}{Data: make([]modelObject, len(page)), HasMore: more}
	for i, m := range page {
		list.Data[i] = m.object()
	}
	if n := len(page); n > 0 {
		list.FirstID, list.LastID = &page[0].Name, &page[n-1].Name
	}
	return wire.Encode(list), nil
}

// of cuts the page out of all models, and tells whether more lie beyond it in
// the direction of reading.
func (p Page) of(models []Model) (page []Model, more bool, err error) {
	start, end := 0, len(models)
	for _, edge := range []struct {
		param, name string
		found       func(int)
	}{
		{"after_id", p.After, func(i int) { start = i + 1 }},
		{"before_id", p.Before, func(i int) { end = i }},
	} {
		if edge.name == "" {
			continue
		}
		i := slices.IndexFunc(models, func(m Model) bool { return m.Name == edge.name })
		if i < 0 {
			return nil, false, &wire.BadRequest{Param: edge.param, Code: wire.Invalid, Message: edge.param + " names no model of this list. Start again from its beginning."}
		}
		edge.found(i)
	}
	page = models[start:end]
	if p.Limit == 0 || len(page) <= p.Limit {
		return page, false, nil
	}
	if p.Before != "" {
		return page[len(page)-p.Limit:], true, nil
	}
	return page[:p.Limit], true, nil
}
