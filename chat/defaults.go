package chat

import (
	"abaton.local/engine"
)

// Defaults are what holds for a model where a question says nothing else.
type Defaults struct {
	Instruction   string // of the system, where the conversation has none
	Options       engine.Options
	ContextTokens int
}

// WithDefaults gives an Answerer that asks what holds for a name, as the person
// typed it, or "" for the model that is used when none is named.
func (a *Answerer) WithDefaults(of func(name string) Defaults) *Answerer {
	other := *a
	other.defaults = of
	return &other
}

// filled is ask with what its model's defaults add.
func (d Defaults) filled(ask Ask) Ask {
	if len(ask.Messages) > 0 && ask.Messages[0].Role != engine.System && d.Instruction != "" {
		ask.Messages = append([]engine.Message{{Role: engine.System, Content: d.Instruction}}, ask.Messages...)
	}
	if ask.ContextTokens == 0 {
		ask.ContextTokens = d.ContextTokens
	}
	o, from := &ask.Options, d.Options
	if o.MaxTokens == 0 {
		o.MaxTokens = from.MaxTokens
	}
	otherwise(&o.Temperature, from.Temperature)
	otherwise(&o.TopP, from.TopP)
	otherwise(&o.TopK, from.TopK)
	otherwise(&o.MinP, from.MinP)
	otherwise(&o.RepeatPenalty, from.RepeatPenalty)
	otherwise(&o.Seed, from.Seed)
	otherwise(&o.Think, from.Think)
	return ask
}

func otherwise[T any](have **T, def *T) {
	if *have == nil {
		*have = def
	}
}
