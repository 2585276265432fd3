package ollama

import (
	"math"
	"time"

	"abaton.local/api/wire"
	"abaton.local/engine"
)

const (
	maxTexts      = 2048
	maxDimensions = 1 << 16
)

// Embed is a decoded POST /api/embed or /api/embeddings.
type Embed struct {
	Model         string // as it was sent; ShelfName has the shelf's word
	Texts         []string
	Whole         bool // refuse a text that is longer than the model looks at, instead of cutting it
	Dimensions    int  // wanted of each; 0 for all
	ContextTokens int  // as in chat.Ask
	KeepAlive     *time.Duration
	Load          bool // no text: only get the model ready
	Old           bool // came to /api/embeddings, which has another shape of answer
	Forged        bool // tried to steer the engine's caches
}

type embedField = func(*decoder, *Embed, wire.Value, string)

var embeddingFields = fields[Embed]{inEmbed, map[string]embedField{
	"model":      func(d *decoder, e *Embed, v wire.Value, at string) { e.Model = d.Name(v, at) },
	"keep_alive": func(d *decoder, e *Embed, v wire.Value, at string) { e.KeepAlive = d.keepAlive(v, at) },
	"options": func(d *decoder, e *Embed, v wire.Value, at string) {
		var s settings // those of a generation are held against their bounds, and mean nothing here
		object(d, &s, v, at, optionFields)
		e.ContextTokens = s.context
	},
}}

var embedFields = embeddingFields.with(map[string]embedField{
	"input":    func(d *decoder, e *Embed, v wire.Value, at string) { e.Texts = d.texts(v, at) },
	"truncate": func(d *decoder, e *Embed, v wire.Value, at string) { e.Whole = !d.Bool(v, at) },
	"dimensions": func(d *decoder, e *Embed, v wire.Value, at string) {
		e.Dimensions = int(d.Int(v, at, 0, maxDimensions))
	},
})

var oldFields = embeddingFields.with(map[string]embedField{
	"prompt": func(d *decoder, e *Embed, v wire.Value, at string) {
		if text := d.text(v, at); text != "" {
			e.Texts = []string{text}
		}
	},
	"input":    func(d *decoder, e *Embed, v wire.Value, at string) { d.texts(v, at) },
	"truncate": func(d *decoder, e *Embed, v wire.Value, at string) { e.Whole = !d.Bool(v, at) },
})

// DecodeEmbed turns the body of POST /api/embed into texts that are not empty.
// Any error is a *wire.BadRequest.
func DecodeEmbed(body []byte) (Embed, error) { return decodeEmbed(body, embedFields, false) }

// DecodeEmbeddings does so with the body of POST /api/embeddings.
func DecodeEmbeddings(body []byte) (Embed, error) { return decodeEmbed(body, oldFields, true) }

func decodeEmbed(body []byte, f fields[Embed], old bool) (Embed, error) {
	root, err := wire.Parse(body)
	if err != nil {
		return Embed{}, err
	}
	d := &decoder{}
	e := Embed{Old: old}
	object(d, &e, root, "", f)
	e.Load = len(e.Texts) == 0
	e.Forged = d.forged
	if d.Err != nil {
		return Embed{}, d.Err
	}
	return e, nil
}

// texts reads one text or a list of them. One empty text is none.
func (d *decoder) texts(v wire.Value, at string) []string {
	if v.Kind == wire.String {
		if v.Text == "" {
			return nil
		}
		return []string{v.Text}
	}
	if v.Kind != wire.List {
		d.Fail(at, wire.Invalid, "%s is %s; send a text or a list of texts.", at, v.Kind)
		return nil
	}
	if len(v.List) > maxTexts {
		d.Fail(at, wire.Invalid, "%s holds %d texts; send at most %d.", at, len(v.List), maxTexts)
		return nil
	}
	var out []string
	for i, t := range v.List {
		text := d.text(t, item(at, i))
		if text == "" {
			d.Fail(item(at, i), wire.Invalid, "%s is empty: an embedding of nothing means nothing. Leave it out.", item(at, i))
		}
		out = append(out, text)
	}
	return out
}

// Encode gives the body of the answer. model is the shelf's name, told where the
// request has none; without texts it takes the zero Vectors.
func (e Embed) Encode(model string, v engine.Vectors, t Times) []byte {
	vectors := make([][]float32, len(v.Of))
	for i, vector := range v.Of {
		vectors[i] = shorten(vector, e.Dimensions)
	}
	if e.Old {
		first := []float32{}
		if len(vectors) > 0 {
			first = vectors[0]
		}
		return wire.Encode(struct {
			Embedding []float32 `json:"embedding"`
		}{first})
	}
	s := speaker{model: e.Model}
	return wire.Encode(struct {
		Model           string      `json:"model"`
		Embeddings      [][]float32 `json:"embeddings"`
		TotalDuration   int64       `json:"total_duration,omitempty"`
		LoadDuration    int64       `json:"load_duration,omitempty"`
		PromptEvalCount int         `json:"prompt_eval_count,omitempty"`
	}{s.called(model), vectors, t.Total.Nanoseconds(), t.Load.Nanoseconds(), v.Tokens})
}

// shorten keeps the first numbers of a vector and makes its length 1 again.
func shorten(v []float32, dimensions int) []float32 {
	if dimensions == 0 || dimensions >= len(v) {
		return v
	}
	var sum float64
	for _, x := range v[:dimensions] {
		sum += float64(x) * float64(x)
	}
	length := max(math.Sqrt(sum), 1e-12)
	out := make([]float32, dimensions)
	for i, x := range v[:dimensions] {
		out[i] = float32(float64(x) / length)
	}
	return out
}
