package main

import (
	"abaton.local/chat"
	"abaton.local/engine"
	"abaton.local/models"
)

// manner is how a person at a terminal is answered: by which model, and how it
// goes about it. Programs that ask over the API say all that themselves.
type manner struct {
	model       string
	instruction string
	options     engine.Options
}

// Models below this many parameters need some guidance: at the engine's usual
// temperature they wander, and asked without an instruction SmolLM2-135M
// answers "What is the capital of France?" in French, and wrong.
const small = 2_000_000_000

// mannerFor is the manner for a model, with what the person set. For small
// models the temperature is the one that the makers of SmolLM2 advise.
func mannerFor(c config, m models.Passport) manner {
	x := manner{model: m.Name}
	if m.Parameters > 0 && m.Parameters < small {
		x.options = engine.Options{Temperature: new(0.2), TopP: new(0.9)}
		x.instruction = "Answer the question truthfully and in few words, in the language of the question."
	}
	if c.Temperature != nil {
		x.options = engine.Options{Temperature: c.Temperature}
	}
	if c.Instruction != nil {
		x.instruction = *c.Instruction
	}
	return x
}

// ask is what the model is asked when these messages were exchanged.
func (m manner) ask(messages ...engine.Message) chat.Ask {
	if m.instruction != "" {
		messages = append([]engine.Message{{Role: engine.System, Content: m.instruction}}, messages...)
	}
	return chat.Ask{Model: m.model, Messages: messages, Options: m.options}
}
