package main

import (
	"maps"
	"slices"

	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/models"
)

// modelConfig is a table [models.NAME] of the configuration file: what holds for
// a model where a program says nothing else, and what a name of one's own means.
type modelConfig struct {
	Is            string   `toml:"is"` // the model that NAME stands for; empty: NAME itself
	Instruction   string   `toml:"instruction"`
	Context       int      `toml:"context"`
	MaxTokens     int      `toml:"max_tokens"`
	Temperature   *float64 `toml:"temperature"`
	TopP          *float64 `toml:"top_p"`
	TopK          *int     `toml:"top_k"`
	MinP          *float64 `toml:"min_p"`
	RepeatPenalty *float64 `toml:"repeat_penalty"`
	Think         *bool    `toml:"think"`
}

func (m modelConfig) defaults() chat.Defaults {
	return chat.Defaults{Instruction: m.Instruction, ContextTokens: m.Context, Options: engine.Options{
		MaxTokens: m.MaxTokens, Temperature: m.Temperature, TopP: m.TopP, TopK: m.TopK, MinP: m.MinP, RepeatPenalty: m.RepeatPenalty, Think: m.Think,
	}}
}

// check says what is wrong with a table, or nothing.
func (m modelConfig) check() string {
	within := func(v *float64, lo, hi float64) bool { return v == nil || *v >= lo && *v <= hi }
	switch {
	case m.Context < 0 || m.Context > 16<<20 || m.Context > 0 && m.Context < 64:
		return "context: from 64 to 16777216 tokens"
	case m.MaxTokens < 0:
		return "max_tokens: 1 or more"
	case !within(m.Temperature, 0, 2) || !within(m.RepeatPenalty, 0, 2):
		return "temperature and repeat_penalty: from 0 to 2"
	case !within(m.TopP, 0, 1) || !within(m.MinP, 0, 1):
		return "top_p and min_p: from 0 to 1"
	case m.TopK != nil && (*m.TopK < 0 || *m.TopK > 1000):
		return "top_k: from 0 to 1000"
	}
	return ""
}

// nameplates is the shelf as programs see it: a model is also found by the names that
// the configuration gives it.
type nameplates struct {
	*models.Shelf
	tables   map[string]modelConfig
	standard string
}

// Find finds a model by a name of one's own, else by the shelf's.
func (n nameplates) Find(name string) (models.Passport, error) {
	if t := n.tables[name]; t.Is != "" {
		p, err := n.Shelf.Find(t.Is)
		p.Name = name
		return p, err
	}
	return n.Shelf.Find(name)
}

// Default is the model that is used when none is named.
func (n nameplates) Default() (models.Passport, error) {
	if n.standard != "" {
		return n.Find(n.standard)
	}
	return n.Shelf.Default()
}

// List lists the shelf, and behind it the names of one's own whose model is there.
func (n nameplates) List() ([]models.Passport, error) {
	list, err := n.Shelf.List()
	for _, name := range slices.Sorted(maps.Keys(n.tables)) {
		if n.tables[name].Is == "" {
			continue
		}
		if p, err := n.Find(name); err == nil {
			list = append(list, p)
		}
	}
	return list, err
}

// defaults are what holds for a name.
func (n nameplates) defaults(name string) chat.Defaults {
	if name == "" {
		if p, err := n.Default(); err == nil {
			name = p.Name
		}
	}
	if t, ok := n.tables[name]; ok {
		return t.defaults()
	}
	if p, err := n.Shelf.Find(name); err == nil { // by its digest, say
		return n.tables[p.Name].defaults()
	}
	return chat.Defaults{}
}

// meant is the model that a name of one's own stands for, or the name.
func (c *config) meant(name string) string {
	if is := c.Models[name].Is; is != "" {
		return is
	}
	return name
}
