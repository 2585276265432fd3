package openai

import (
	"encoding/base64"
	"encoding/binary"
	"math"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

const (
	maxTexts     = 2048
	maxTextBytes = 8 << 20 // of all together
)

// EmbeddingRequest is a decoded POST /v1/embeddings.
type EmbeddingRequest struct {
	Model      string
	Texts      []string
	Base64     bool // as the official client libraries ask for
	Dimensions int  // 0 where it was not said
	Forged     bool
}

// DecodeEmbedding reads the body of POST /v1/embeddings. Any error is a
// *wire.BadRequest.
func DecodeEmbedding(body []byte) (EmbeddingRequest, error) {
	root, err := wire.Parse(body)
	if err != nil {
		return EmbeddingRequest{}, err
	}
	var req EmbeddingRequest
	d := &decoder{}
	have := d.root(root, Embeddings, table{
		"model":      func(v wire.Value, at string) { req.Model = d.Name(v, at) },
		"input":      func(v wire.Value, at string) { req.Texts = d.inputs(v, at) },
		"dimensions": func(v wire.Value, at string) { req.Dimensions = int(d.Int(v, at, 1, 1<<16)) },
		"encoding_format": func(v wire.Value, at string) {
			if !d.Want(v, at, wire.String) {
				return
			}
			if req.Base64 = v.Text == "base64"; !req.Base64 && v.Text != "float" {
				d.Fail(at, wire.Invalid, "%s is unknown: use float or base64.", at)
			}
		},
	})
	if !have["input"] {
		d.Fail("input", wire.Missing, "input is missing: send a text or a list of texts.")
	}
	if d.Err != nil {
		return EmbeddingRequest{}, d.Err
	}
	req.Forged = d.forged
	return req, nil
}

// inputs reads one text or several.
func (d *decoder) inputs(v wire.Value, at string) (out []string) {
	list, places := d.texts(v, at, "texts", maxTexts)
	total := 0
	for i, t := range list {
		if d.Want(t, places[i], wire.String) && t.Text == "" {
			d.Fail(places[i], wire.Invalid, "%s is empty, and nothing has no meaning. Leave it out.", places[i])
		}
		total += len(t.Text)
		out = append(out, t.Text)
	}
	if total > maxTextBytes {
		d.Fail(at, wire.Invalid, "The texts have %d bytes together, the most is %d. Send fewer at a time.", total, maxTextBytes)
	}
	return out
}

type embedding struct {
	Object    string `json:"object"`
	Index     int    `json:"index"`
	Embedding any    `json:"embedding"`
}

type textUsage struct {
	PromptTokens int `json:"prompt_tokens"`
	TotalTokens  int `json:"total_tokens"`
}

// Encode gives the JSON body. A length that was asked for and is not the
// model's own is a *wire.BadRequest: a vector that is cut off means less, unless
// the model was made for it, and nothing tells which are.
func (r EmbeddingRequest) Encode(model string, v engine.Vectors) ([]byte, error) {
	data := make([]embedding, len(v.Of))
	for i, of := range v.Of {
		if r.Dimensions != 0 && r.Dimensions != len(of) {
			bad := &wire.Reader{}
			bad.Fail("dimensions", wire.Unsupported, "dimensions is %d, and this model's vectors have %d. Leave dimensions out.", r.Dimensions, len(of))
			return nil, bad.Err
		}
		data[i] = embedding{"embedding", i, of}
		if r.Base64 {
			data[i].Embedding = packed(of)
		}
	}
	return wire.Encode(struct {
		Object string      `json:"object"`
		Data   []embedding `json:"data"`
		Model  string      `json:"model"`
		Usage  textUsage   `json:"usage"`
	}{"list", data, model, textUsage{v.Tokens, v.Tokens}}), nil
}

// packed writes the numbers as client libraries read them.
func packed(v []float32) string {
	raw := make([]byte, 0, 4*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(raw)
}
