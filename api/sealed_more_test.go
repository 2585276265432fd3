package api

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"abaton.local/engine"
	"abaton.local/shaper"
)

// Answers that need more than one window tell how many they took, and nothing else.
// A response says its text again at its end, which takes time, too.
func TestLongerAnswersTellTheirWindows(t *testing.T) {
	each(t, func(t *testing.T, v visit) {
		v.window = 8 * time.Second
		seen := map[int][]record{}
		for seed := range uint64(8) {
			trace := v.under(t, shaper.Sealed, seed, 20*time.Second)
			windows := windowOf(trace) / 8
			if windowOf(trace)%8 != 0 || windows < 1 || windows > 4 {
				t.Fatalf("answer %d ended after %d s", seed, windowOf(trace))
			}
			if other, ok := seen[windows]; ok && !slices.Equal(trace, other) {
				t.Errorf("two answers of %d windows differ: %s", windows, difference(trace, other))
			}
			seen[windows] = trace
		}
		if len(seen) < 2 {
			t.Error("all answers took as many windows: nothing is shown")
		}
	})
}

// A client that stops reading now and then draws its answers out, each by the same.
func TestSlowReadersSeeTheSame(t *testing.T) {
	each(t, func(t *testing.T, v visit) {
		if v.http2 {
			return // its client reads ahead, so that nobody sees it stop
		}
		v.window = 16 * time.Second
		v.read = func(r io.Reader) {
			some := make([]byte, 700)
			for n := 1; ; n++ {
				if _, err := r.Read(some); err != nil {
					return
				}
				if n%23 == 0 {
					time.Sleep(1700 * time.Millisecond)
				}
			}
		}
		first := v.under(t, shaper.Sealed, 0, 6*time.Second)
		if windowOf(first) < 19 {
			t.Fatalf("it ended after %d s: the reader was not slow", windowOf(first))
		}
		for seed := uint64(1); seed < 5; seed++ {
			if other := v.under(t, shaper.Sealed, seed, 6*time.Second); !slices.Equal(first, other) {
				t.Errorf("answer %d can be told from the first: %s", seed, difference(first, other))
			}
		}
	})
}

// Who hangs up in the middle of a window has been sent the same, whatever was said
// by then, and even where the model had ended; then no more comes than the end of a
// body and of TLS, or in the place of a whole answer that it was stopped. That comes at
// one moment, however long an engine takes to stop.
func TestHangingUpLooksTheSame(t *testing.T) {
	const after = 3777 * time.Millisecond
	each(t, func(t *testing.T, v visit) {
		var first, ends []record
		for seed := range uint64(6) {
			var before, ended []record
			synctest.Test(t, func(t *testing.T) {
				v.policy = shaper.Policy{LAN: shaper.Sealed, Local: shaper.Sealed, Jitter: sameDraws()}
				v.says = slowToStop(chance(seed, 5*time.Second), time.Duration(seed)*17*time.Millisecond)
				ctx, hangUp := context.WithTimeout(t.Context(), after)
				defer hangUp()
				// A client that reads while it hangs up may see the end of the body.
				trace, _, _, err := v.ask(t, ctx)
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
				left := 0
				for _, r := range trace {
					switch {
					case r.bytes < 0:
					case r.at < after:
						before = append(before, r)
					default:
						if left += r.bytes; r.at > after { // at once a connection says what its client asks, in an order of its own
							ended = append(ended, r)
						}
					}
				}
				if most := map[bool]int{false: 100, true: 5000}[v.whole]; left > most {
					t.Errorf("answer %d: %d bytes came when it had hung up", seed, left)
				}
			})
			if seed == 0 {
				first, ends = before, ended
			}
			if !slices.Equal(first, before) {
				t.Errorf("answer %d can be told from the first: %s", seed, difference(first, before))
			}
			if !slices.Equal(ends, ended) {
				t.Errorf("the end of answer %d can be told from that of the first: %s", seed, difference(ends, ended))
			}
		}
		if streamed := weight(first) > 35*shaper.FrameBytes; streamed == v.whole {
			t.Errorf("%d bytes were seen", weight(first))
		}
	})
}

// slowToStop is an engine that takes its time when it is told to stop.
func slowToStop(s says, takes time.Duration) says {
	return func(ctx context.Context, p engine.Prompt) iter.Seq2[engine.Delta, error] {
		return func(yield func(engine.Delta, error) bool) {
			s(ctx, p)(yield)
			if ctx.Err() != nil {
				time.Sleep(takes)
			}
		}
	}
}

// A connection that takes 4 KB a second takes a whole answer whole, though that lasts
// longer than one piece may; and one byte a second is too slow for it.
func TestSlowConnectionsTakeWholeAnswers(t *testing.T) {
	for _, w := range ways {
		for each, whole := range map[int]bool{4096: true, 1: false} {
			synctest.Test(t, func(t *testing.T) {
				v := visit{path: w.path, body: "{" + w.ask + w.whole + "}", says: texts("Pa", "ris"), policy: shaper.Policy{LAN: shaper.Sealed}}
				v.prepare = func(c *Config) { c.WriteTimeout = 20 * time.Second }
				got := 0
				v.read = func(r io.Reader) {
					some := make([]byte, each)
					for got < 160<<10 {
						n, err := io.ReadFull(r, some)
						if got += n; err != nil {
							return
						}
						time.Sleep(time.Second)
					}
				}
				v.look(t)
				if (got == 320*shaper.FrameBytes) != whole {
					t.Errorf("%s: of a whole answer %d bytes came, %d a second", w.path, got, each)
				}
			})
		}
	}
}
