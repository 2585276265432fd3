package shaper

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// voided is a play whose words become void at a moment.
type voided struct {
	play
	at time.Duration
}

func (v *voided) Void() bool { return time.Since(v.begun) >= v.at }

func (v *voided) Next(n int) []byte {
	if v.Void() {
		return nil
	}
	return v.play.Next(n)
}

func (v *voided) Last() []byte {
	if v.Void() {
		return []byte("data: {\"void\":true}\n\n")
	}
	return v.play.Last()
}

// What became void is not in any frame that leaves later: not in one that was ready, nor
// in an end that was begun. The frames stay what they are, and the stream ends where it
// would have; or it is left, where an event was begun that does not end any more.
func TestVoid(t *testing.T) {
	const frames = 12
	plan := Plan{Frame: FrameBytes, Tick: Tick, Windows: []int{frames}, Jitter: func() time.Duration { return 0 }}
	ends := map[bool]int{}
	for name, p := range map[string]play{
		"many words": {at: []time.Duration{0, Tick, 2 * Tick, 3*Tick + 1, 5 * Tick, 7 * Tick}, words: []string{"w", "ww", strings.Repeat("w", 3*FrameBytes), "w", "w", "w"}, end: time.Minute, last: "data: {\"last\":true}\n\n"},
		"an end":     {end: 0, last: "data: {\"last\":\"" + strings.Repeat("w", 3*FrameBytes) + "\"}\n\ndata: [DONE]\n\n"},
		"a word":     {at: []time.Duration{0}, words: []string{"w"}, last: "data: {\"last\":\"w\"}\n\n"},
	} {
		for at := time.Duration(1); at < frames*Tick; at += 2 * time.Millisecond {
			synctest.Test(t, func(t *testing.T) {
				v := &voided{p, at}
				v.begun, v.empty = time.Now(), "data: {}\n\n"
				var before, all []byte
				err := plan.Send(t.Context(), v.begun, v, func(frame []byte) error {
					if late := time.Since(v.begun) % Tick; late != 0 || len(frame) != FrameBytes {
						t.Errorf("a frame of %d bytes, %v late", len(frame), late)
					}
					if all = append(all, frame...); !v.Void() {
						before = all
					}
					return nil
				})
				after := all[len(before):]
				left := errors.Is(err, ErrWithin)
				ends[left]++
				switch {
				case bytes.Contains(after, []byte("w")) || bytes.Contains(after, []byte("last")):
					t.Errorf("%s, void after %v: %q", name, at, after)
				case left && (len(after) > 0 || bytes.HasSuffix(before, []byte("\n\n"))):
					t.Errorf("%s, void after %v: left after %d and %d bytes", name, at, len(before), len(after))
				case !left && (err != nil || len(all) != frames*FrameBytes || !bytes.HasSuffix(all, []byte("\n\n")) || !bytes.HasPrefix(bytes.TrimLeft(all[bytes.LastIndex(all, []byte("data")):], " "), []byte("data: {\"void\":true}"))):
					t.Errorf("%s, void after %v: %v after %d bytes: %q", name, at, err, len(all), after)
				}
			})
		}
	}
	if ends[true] == 0 || ends[false] == 0 {
		t.Errorf("ended in each way: %v", ends)
	}
}

// Who is stopped hears whether what is left may still be said.
func TestStoppedTellsOfVoid(t *testing.T) {
	plan := Plan{Frame: FrameBytes, Tick: Tick, Windows: []int{12}, Jitter: func() time.Duration { return 0 }}
	long := strings.Repeat("w", 3*FrameBytes)
	for name, c := range map[string]struct {
		void, stop   time.Duration
		within, done bool
	}{
		"at an event's edge":             {time.Hour, Tick / 2, false, false},
		"with a frame ready at its edge": {time.Hour, Tick - 1, false, false},
		"within an event":                {time.Hour, Tick + 1, true, false},
		"with a frame ready within it":   {time.Hour, 2*Tick - 1, true, false},
		"when the rest was dropped":      {Tick - 1, 3*Tick + 1, false, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			v := &voided{play{begun: time.Now(), at: []time.Duration{0}, words: []string{long}, end: time.Minute, empty: "data: {}\n\n"}, c.void}
			ctx, stop := context.WithTimeout(t.Context(), c.stop)
			defer stop()
			err := plan.Send(ctx, v.begun, v, func([]byte) error { return nil })
			e, is := errors.AsType[*StoppedError](err)
			if !is || e.Within != c.within || e.Void != c.done || c.done && bytes.Contains(e.Rest, []byte("w")) {
				t.Errorf("%s: %+v", name, err)
			}
		})
	}
}
