package engine

import (
	"testing"

	"abaton.local/models"
)

// What is told before a worker is started is by the rule that starts it.
func TestWeigh(t *testing.T) {
	shape := models.Shape{Layers: 30, Embedding: 576, CacheElements: 11520, Vocab: 49152, ContextLength: 8192}
	for memory, want := range map[int64]struct {
		context int
		fits    bool
	}{8 << 30: {8192, true}, 260 << 20: {2048, true}, 150 << 20: {1024, false}} {
		e := &Engine{cfg: Config{Memory: memory}}
		n, context, fits := e.Weigh(models.Passport{Size: 98 << 20}, shape, 0)
		if fits != want.fits || context != want.context || fits && n.Private()+n.Weights > memory || !fits && n.Private()+n.Weights <= memory {
			t.Errorf("%d bytes: %+v, %d, %v", memory, n, context, fits)
		}
	}
}
