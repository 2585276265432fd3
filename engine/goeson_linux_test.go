package engine

import "testing"

// A worker that is started to go on from a snapshot does not compute an empty run
// first, for somebody waits; every other does.
func TestWhoGoesOnDoesNotWarmUp(t *testing.T) {
	e, _, ask := startKeeping(t)
	_, on := talkTo(t, e, ask(lighthouse, 4), "When?")
	if wasTold(t, workerOf(t, e, on), "--no-warmup") {
		t.Error("the first worker did not warm up")
	}
	evict(t, e, on)
	talkTo(t, e, on, "")
	if w := workerOf(t, e, on); !wasTold(t, w, "--no-warmup") {
		t.Error("a worker that goes on was warmed up first")
	}
}
