package engine

import (
	"runtime"

	"abaton.local/models"
)

// Weigh tells, without starting one, what a worker that speaks would need for a
// model here and how long a conversation it would hold; fits is false where
// memory is too small for the shortest. Projector is the size of the file by which
// the model sees, or 0.
func (e *Engine) Weigh(p models.Passport, shape models.Shape, projector int64) (n models.Need, context int, fits bool) {
	f := &facts{shape: shape, size: p.Size, copying: models.CopyingOf(p.Quantisation, runtime.GOARCH), projector: projector, saved: e.cfg.Snapshots}
	if projector > 0 {
		f.saved = 0
	}
	s := &seat{}
	for context = e.usual(f); !e.bears(s, f, context); context /= 2 {
		if context/2 < leastContext {
			return f.need(context, false), context, false
		}
	}
	return f.need(context, false), context, true
}
