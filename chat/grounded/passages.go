package grounded

import (
	"fmt"
	"slices"
)

// byPassages answers without a model.
func (w *work) byPassages() error {
	w.leaveTools()
	if err := w.show(); err != nil {
		return err
	}
	o := Outcome{Kind: Extractive, Why: w.why, Label: w.turn.Label(), Small: w.small, Usage: w.spent}
	switch {
	case !w.sources.Enough && w.weighed != nil:
		o.Small = false
		o.Kind, o.Why = NotFound, fmt.Sprintf("%s read %d passages and finds the answer in none of them. These are the nearest.", w.model.Name, w.judged)
	case w.weighed != nil:
		o.Why += " It read each passage, and those that it finds to answer come first."
	case !w.sources.Enough:
		o.Small = false // it would not be asked by anybody
		o.Kind, o.Why = NotFound, "No passage has enough of what the question says. These are the nearest."
		if len(w.sources.Passages) == 0 {
			o.Why = "No passage has a word of the question."
		}
	}
	return w.put(Event{Outcome: &o})
}

const noTools = "The tools that were offered with the question were left out: an answer that reads documents can do nothing but be shown."

// leaveTools says once that tools were offered and left out.
func (w *work) leaveTools() {
	if len(w.q.Options.Tools) > 0 && !slices.Contains(w.sources.Notes, noTools) {
		w.note(noTools)
	}
}
