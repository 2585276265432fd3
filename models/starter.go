package models

import (
	"context"
	"fmt"
	"time"

	"abaton.local/hardware"
)

// starters are the first models by memory, the most demanding first. They
// answer without thinking aloud and at a pleasant speed on a processor: that
// is why the largest that would fit is not taken.
var starters = []struct {
	memory int64 // bytes that the machine should have
	name   string
}{
	{48 << 30, "qwen3-30b-a3b-2507"}, // 3 of its 30 billion parameters at work for a token
	{12 << 30, "granite-4.0-h-tiny"}, // 1 of 7 billion
	{7 << 30, "granite-4.0-micro"},
	{3 << 30, "smollm2-1.7b"},
}

// Starter is the catalogue's first model for a machine, by its memory. It
// needs a hub; Tiny is for where none is in reach.
func Starter(m hardware.Machine) Entry {
	for _, s := range starters {
		if m.Memory >= s.memory {
			if e, err := Lookup(s.name); err == nil {
				return e
			}
		}
	}
	return Tiny()
}

// Tiny is the starter that comes from a package index.
func Tiny() Entry {
	e, err := Lookup(TinyName)
	if err != nil {
		panic(err) // part of the program; a test reads it
	}
	return e
}

// Starter chooses the first model for a machine: Starter's where its hub
// answers within five seconds, else Tiny. why is a sentence for the person.
func (p *Puller) Starter(ctx context.Context, m hardware.Machine) (e Entry, why string) {
	e = Starter(m)
	if e.Name == TinyName {
		return e, "this machine has little memory, so the starter is " + tinyWords
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for _, mirror := range e.Mirrors {
		if mirror.Kind != Hub || p.door == nil {
			continue
		}
		if _, err := p.door.Peek(ctx, p.hubAddress(mirror)); err == nil {
			return e, fmt.Sprintf("%s fits a machine with %d GB of memory", e.Name, m.Memory>>30)
		}
	}
	return Tiny(), "no model hub is in reach, so the starter is " + tinyWords
}

const tinyWords = TinyName + ", which is tiny: it speaks plain English and is often wrong; `abaton pull` gets a better one"
