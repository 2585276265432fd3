package api

import (
	"context"
	"iter"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"abaton.local/engine"
	"abaton.local/shaper"
	"abaton.local/vault"
)

// What is left of an answer when the server stops, or the client hangs up, is not heard
// by who was locked just before.
func TestLockedThenStopped(t *testing.T) {
	for _, w := range ways {
		for how, cause := range map[string]error{"stopped": errStopped, "hung up": context.Canceled} {
			for name, says := range map[string]says{"an end": counted(60, 60, 0), "words": counted(400, 400, 0), "calls": calling} {
				t.Run(strings.ReplaceAll(w.path[1:], "/", ".")+" "+how+" "+name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						r := newReaders(t, twoModels[0], says)
						r.Shape = shaper.Policy{Local: shaper.Sealed, Window: 30 * shaper.Tick, Jitter: func() time.Duration { return 0 }}
						moments := []time.Duration{shaper.Tick + 1, 2*shaper.Tick + 1, 3*shaper.Tick - 1, 5 * shaper.Tick / 2, 29*shaper.Tick + 1, 31*shaper.Tick - 1}
						var asking sync.WaitGroup
						for i, s := range r.keys(len(moments)) {
							asking.Go(func() {
								ctx, stop := context.WithCancelCause(t.Context())
								defer stop(nil)
								b := newBell()
								defer time.AfterFunc(moments[i], func() {
									s.Lock()
									b.rings()
									stop(cause)
								}).Stop()
								off := r.hears(ctx, b, s, w.path, "{"+w.ask+w.streams+"}")
								before, after := b.took()
								if word.MatchString(after) || strings.Contains(after, "[DONE]") || strings.Contains(after, "completed") || cause == context.Canceled && after != "" {
									t.Errorf("after %v: %.2000q", moments[i], strings.ReplaceAll(after, "  ", ""))
								}
								if cause == errStopped && !off && !strings.Contains(ended(t, before+after), "Your vault is locked") {
									t.Errorf("after %v: %.300q", moments[i], after)
								}
							})
						}
						asking.Wait()
					})
				})
			}
		}
	}
}

// calling says one call that takes several frames.
func calling(ctx context.Context, _ engine.Prompt) iter.Seq2[engine.Delta, error] {
	return func(yield func(engine.Delta, error) bool) {
		call := engine.CallDelta{ID: "call_1", Name: "look_up", Arguments: `{"a":"` + strings.Repeat("word1 ", 500) + `"}`}
		if yield(engine.Delta{Calls: []engine.CallDelta{call}}, nil) {
			yield(engine.Delta{Finish: engine.Called}, nil)
		}
	}
}

// tearing is a connection that locks a session with the first piece that it takes of
// those that are meant.
type tearing struct {
	patient
	meant  func(p []byte) bool
	s      vault.Session
	pieces *int
}

func (c tearing) Write(p []byte) (int, error) {
	if *c.pieces > 0 || c.meant(p) {
		*c.pieces++
		c.s.Lock()
	}
	return c.patient.Write(p)
}

// A stop that finds more to say than a record holds says no more of it once its person
// is locked.
func TestLockedWhileItStops(t *testing.T) {
	for _, w := range ways {
		synctest.Test(t, func(t *testing.T) {
			r := newReaders(t, twoModels[0], counted(20_000, 20_000, 0))
			r.Shape = shaper.Policy{Local: shaper.Sealed, Jitter: func() time.Duration { return 0 }}
			ctx, stop := context.WithCancelCause(t.Context())
			defer time.AfterFunc(5*shaper.Tick/2, func() { stop(errStopped) }).Stop()
			pieces := 0
			out := tearing{patient{httptest.NewRecorder()}, func([]byte) bool { return ctx.Err() != nil }, r.ada, &pieces}
			off := r.hears(ctx, out, r.ada, w.path, "{"+w.ask+w.streams+"}")
			if !off || pieces != 1 {
				t.Errorf("%s: %d pieces came of what was left, broken off: %v", w.path, pieces, off)
			}
		})
	}
}
