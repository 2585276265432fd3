package main

import (
	"fmt"

	"abaton.local/models"
)

// Policies of how people are kept apart in engines.
const (
	ownEngine  = "own-engine"
	pinnedSlot = "pinned-slot"
)

// sharing says where people share engines, and what that means; empty where each
// has their own.
func (c *config) sharing() string {
	if c.Isolation != pinnedSlot {
		return ""
	}
	return fmt.Sprintf("WARNING: they share one engine of a model, in %d pinned slots. A fault of the engine can give one of them\n"+
		"            another's words, and conversations do not go on at once after their engine ended. Set isolation = %q\n"+
		"            to give each person an engine of their own.", c.Slots, ownEngine)
}

// unclean is told of an engine that people share which was ended, for a slot of it
// could not be emptied.
func (r *rooms) unclean(models.Digest) {
	if r.notEmptied != nil {
		r.notEmptied()
	}
}
