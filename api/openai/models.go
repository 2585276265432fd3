package openai

import (
	"time"

	"abaton.local/api/wire"
)

// Model is one line of GET /v1/models.
type Model struct {
	Name    string
	Created time.Time // when it came onto the shelf
}

type modelObject struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

func (m Model) object() modelObject {
	return modelObject{m.Name, "model", max(m.Created.Unix(), 0), "abaton"}
}

// Encode gives the body of GET /v1/models/{name}.
func (m Model) Encode() []byte { return wire.Encode(m.object()) }

// EncodeModels gives the body of GET /v1/models.
func EncodeModels(models []Model) []byte {
	data := make([]modelObject, len(models))
	for i, m := range models {
		data[i] = m.object()
	}
	return wire.Encode(struct {
		Object string        `json:"object"`
		Data   []modelObject `json:"data"`
	}{"list", data})
}

// NotDeleted refuses DELETE /v1/models/{name}.
func NotDeleted() wire.Problem {
	return wire.Problem{Status: 403, Code: "unsupported_operation",
		Message: "Models are not deleted over this address. The owner of this machine runs `abaton models rm NAME`."}
}
