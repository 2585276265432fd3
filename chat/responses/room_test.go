package responses

import (
	"context"
	"errors"
	"testing"

	"abaton.local/vault"
)

const maxBytes = 1 << 30

// listed is a vault of which the list is all that matters.
type listed struct {
	Vault
	records []vault.Record
	wrote   bool
}

func (l *listed) List(vault.Kind, vault.ID) []vault.Record { return l.records }
func (l *listed) ID() vault.ID                             { return vault.ID{} }
func (l *listed) Write(context.Context, vault.Edit) error  { l.wrote = true; return nil }

// A vault is full by number or by size. Then nothing is written, and nothing goes.
func TestRoom(t *testing.T) {
	for name, c := range map[string]struct {
		records []vault.Record
		size    int
		full    bool
	}{
		"empty":               {nil, 10, false},
		"one below":           {make([]vault.Record, MaxCount-1), 10, false},
		"many":                {make([]vault.Record, MaxCount), 0, true},
		"large, and it fits":  {[]vault.Record{{Size: maxBytes - 10}}, 10, false},
		"large, and it is so": {[]vault.Record{{Size: maxBytes - 10}}, 11, true},
	} {
		v := &listed{records: c.records}
		err := Keep(t.Context(), v, "resp_a", make([]byte, c.size), maxBytes, noon)
		if errors.Is(err, ErrFull) != c.full || v.wrote == c.full {
			t.Errorf("%s: %v", name, err)
		}
	}
}
