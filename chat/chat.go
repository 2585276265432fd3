// Package chat answers a person: one call down, one stream of events up.
// [Ask] is what a person asks, whatever wire format carried it, and [Event] is
// what they see.
package chat

import (
	"abaton.local/engine"
)

// Ask is one question, valid once it exists: Decode functions at the edge make it.
type Ask struct {
	Model    string // as the person named it; empty for the default
	Messages []engine.Message
	Options  engine.Options
}

// Event is a piece of what a person sees. The last one has Finish set.
type Event struct {
	Text   string
	Finish engine.Finish
	Usage  engine.Usage
}
