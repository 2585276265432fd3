package resume

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/bits"
	"slices"
	"time"

	"abaton.local/engine"
	"abaton.local/models"
	"abaton.local/vault"
)

// label is what is kept of a snapshot beside its bytes.
type label struct {
	engine.Label
	size  int64      // of the snapshot, without padding
	parts []vault.ID // that hold it, one after the other
	at    time.Time
}

// labelForm is a label on disk: JSON of version 2, or 1, which had a sum of the whole
// beside the proofs of its parts.
type labelForm struct {
	Version int        `json:"v"`
	Model   string     `json:"model"`
	Engine  string     `json:"engine"`
	Context int        `json:"context"`
	Cache   string     `json:"cache"`
	Format  string     `json:"format"`
	Tokens  int        `json:"tokens"`
	Turns   int        `json:"turns"`
	Last    string     `json:"last"`
	Size    int64      `json:"size"`
	Sum     string     `json:"sha256,omitempty"` // of version 1, and of no use
	Parts   []vault.ID `json:"parts"`
	At      int64      `json:"at"` // milliseconds since 1970
}

// errLabel says that a label cannot be used. Nothing is lost but time.
var errLabel = errors.New("the label of a snapshot cannot be read")

func (l label) encode() ([]byte, error) {
	return json.Marshal(labelForm{
		Version: 2, Model: l.Model.String(), Engine: hex.EncodeToString(l.Engine[:]), Context: l.Context, Cache: l.Cache, Format: l.Format,
		Tokens: l.Tokens, Turns: l.Turns, Last: hex.EncodeToString(l.Last[:]),
		Size: l.size, Parts: l.parts, At: l.at.UnixMilli(),
	})
}

func parseLabel(b []byte) (label, error) {
	var f labelForm
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil || d.More() || f.Version < 1 || f.Version > 2 || (f.Version == 1) != (f.Sum != "") {
		return label{}, errLabel
	}
	l := label{size: f.Size, parts: f.Parts, at: time.UnixMilli(f.At)}
	l.Context, l.Cache, l.Format, l.Tokens, l.Turns = f.Context, f.Cache, f.Format, f.Tokens, f.Turns
	var err error
	l.Model, err = models.ParseDigest(f.Model)
	ok := err == nil && fill(l.Engine[:], f.Engine) && fill(l.Last[:], f.Last)
	if !ok || l.size <= 0 || l.Tokens <= 0 || l.Turns <= 0 || int64(len(l.parts)) != (padded(l.size)+partSize-1)/partSize {
		return label{}, errLabel
	}
	return l, nil
}

func fill(to []byte, digits string) bool {
	b, err := hex.DecodeString(digits)
	return err == nil && copy(to, b) == len(b) && len(b) == len(to)
}

func sortByTime(list []entry) {
	slices.SortFunc(list, func(a, b entry) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return cmp.Compare(a.id.String(), b.id.String())
	})
}

// padded is Padmé: what a store sees of a size is its class, at most 12 % above.
func padded(n int64) int64 {
	if n < 2 {
		return n
	}
	e := bits.Len64(uint64(n)) - 1
	mask := int64(1)<<(e-bits.Len(uint(e))) - 1
	return (n + mask) &^ mask
}
