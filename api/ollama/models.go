package ollama

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"abaton.local/api/wire"
)

// Model is one model of the shelf.
type Model struct {
	Name         string // the shelf's
	Digest       string // 64 hexadecimal digits
	Size         int64  // bytes
	Modified     time.Time
	Architecture string // "llama"
	Parameters   uint64
	Quantisation string // "Q4_K_M"
}

type details struct {
	ParentModel       string   `json:"parent_model"`
	Format            string   `json:"format"`
	Family            string   `json:"family"`
	Families          []string `json:"families"`
	ParameterSize     string   `json:"parameter_size"`
	QuantizationLevel string   `json:"quantization_level"`
}

func (m Model) details() details {
	return details{"", "gguf", m.Architecture, []string{m.Architecture}, people(m.Parameters), m.Quantisation}
}

// people writes a count as people do: "134.52M", "8.0B".
func people(n uint64) string {
	switch x := float64(n); {
	case n >= 1e9:
		return strconv.FormatFloat(x/1e9, 'f', 1, 64) + "B"
	case n >= 1e6:
		return strconv.FormatFloat(x/1e6, 'f', 2, 64) + "M"
	case n >= 1e3:
		return strconv.FormatFloat(x/1e3, 'f', 0, 64) + "K"
	}
	return strconv.FormatUint(n, 10)
}

// EncodeTags gives the body of GET /api/tags, newest model first.
func EncodeTags(models []Model) []byte {
	type entry struct {
		Name       string    `json:"name"`
		Model      string    `json:"model"`
		ModifiedAt time.Time `json:"modified_at"`
		Size       int64     `json:"size"`
		Digest     string    `json:"digest"`
		Details    details   `json:"details"`
	}
	list := make([]entry, len(models))
	for i, m := range models {
		name := Name(m.Name)
		list[i] = entry{name, name, m.Modified.UTC(), m.Size, m.Digest, m.details()}
	}
	slices.SortStableFunc(list, func(a, b entry) int { return b.ModifiedAt.Compare(a.ModifiedAt) })
	return encodeList(list)
}

// Loaded is one model that is in memory for the person who asks.
type Loaded struct {
	Model
	Memory  int64 // bytes, of which
	VRAM    int64 // bytes lie on a graphics card
	Context int   // tokens
	Expires time.Time
}

// EncodePS gives the body of GET /api/ps, the model that stays longest first.
func EncodePS(models []Loaded) []byte {
	type entry struct {
		Name          string    `json:"name"`
		Model         string    `json:"model"`
		Size          int64     `json:"size"`
		Digest        string    `json:"digest"`
		Details       details   `json:"details"`
		ExpiresAt     time.Time `json:"expires_at"`
		SizeVRAM      int64     `json:"size_vram"`
		ContextLength int       `json:"context_length"`
	}
	list := make([]entry, len(models))
	for i, m := range models {
		name := Name(m.Name)
		list[i] = entry{name, name, m.Memory, m.Digest, m.details(), m.Expires.UTC(), m.VRAM, m.Context}
	}
	slices.SortStableFunc(list, func(a, b entry) int { return b.ExpiresAt.Compare(a.ExpiresAt) })
	return encodeList(list)
}

func encodeList[T any](list []T) []byte {
	return wire.Encode(struct {
		Models []T `json:"models"`
	}{list})
}

// What a model can do, in the dialect's words.
const (
	Completes = "completion"
	CallsTool = "tools"
	Sees      = "vision"
	Thinks    = "thinking"
	Embeds    = "embedding"
)

// Shown is what POST /api/show tells of a model.
type Shown struct {
	Model
	Can       []string // Completes and so on
	Licence   string
	Template  string // may be empty
	Defaults  string // for options, one a line: "temperature 0.7"; may be empty
	Context   uint64 // tokens that the model was trained for; 0 where nobody knows
	Embedding uint64 // numbers for each token; 0 where nobody knows
}

// Encode gives the body. Texts are there though they are empty: not every client
// expects that one is left out.
func (s Shown) Encode() []byte {
	family := cmp.Or(s.Architecture, "unknown")
	info := map[string]any{"general.architecture": family}
	for name, n := range map[string]uint64{
		"general.parameter_count": s.Parameters, family + ".context_length": s.Context, family + ".embedding_length": s.Embedding,
	} {
		if n != 0 {
			info[name] = n
		}
	}
	can := s.Can
	if can == nil {
		can = []string{}
	}
	return wire.Encode(struct {
		License      string         `json:"license"`
		Modelfile    string         `json:"modelfile"`
		Parameters   string         `json:"parameters"`
		Template     string         `json:"template"`
		Details      details        `json:"details"`
		ModelInfo    map[string]any `json:"model_info"`
		Capabilities []string       `json:"capabilities"`
		ModifiedAt   time.Time      `json:"modified_at"`
	}{s.Licence, "# There is no Modelfile: `abaton models show " + s.Name + "` tells what is known.\nFROM " + s.Name + "\n", s.Defaults, s.Template, s.details(), info, can, s.Modified.UTC()})
}

// Show is a decoded POST /api/show.
type Show struct {
	Model string // as it was sent; never empty
}

type showField = func(*decoder, *Show, wire.Value, string)

var showFields = fields[Show]{inShow, map[string]showField{
	"model": func(d *decoder, s *Show, v wire.Value, at string) { s.Model = cmp.Or(d.Name(v, at), s.Model) },
	"name":  func(d *decoder, s *Show, v wire.Value, at string) { s.Model = cmp.Or(s.Model, d.Name(v, at)) },
}}

// DecodeShow turns the body of POST /api/show into the name of a model. Any error
// is a *wire.BadRequest.
func DecodeShow(body []byte) (Show, error) {
	root, err := wire.Parse(body)
	if err != nil {
		return Show{}, err
	}
	d := &decoder{}
	var s Show
	object(d, &s, root, "", showFields)
	if s.Model == "" {
		d.Fail("model", wire.Missing, "model is missing: name the model to show.")
	}
	if d.Err != nil {
		return Show{}, d.Err
	}
	return s, nil
}
