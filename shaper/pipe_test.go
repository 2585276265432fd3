package shaper

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// talk runs both directions of a channel for a while: what each end says comes in
// whole and in order at the other, and gives what an observer sees.
func talk(t *testing.T, seed uint64) (trace []seen) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(seed, 5))
		begin := time.Now()
		ctx, end := context.WithTimeout(t.Context(), time.Minute)
		defer end()
		var traces [2][]seen
		done := make(chan error)
		for i := range traces {
			var out Pipe
			var in Inlet
			var said, heard [][]byte
			pauses := make([]time.Duration, r.IntN(40))
			for j := range pauses {
				pauses[j] = time.Duration(r.Int64N(int64(time.Second)))
				said = append(said, bytes.Repeat([]byte{byte(r.IntN(256))}, 1+r.IntN(3000)))
			}
			go func() {
				for j, m := range said {
					time.Sleep(pauses[j])
					if err := out.Put(m); err != nil {
						t.Error(err)
					}
				}
			}()
			go func() {
				err := Policy{Jitter: jittered()}.Plan(Channel).Send(ctx, begin, &out, func(frame []byte) error {
					traces[i] = append(traces[i], seen{time.Since(begin), len(frame)})
					whole, err := in.Take(frame)
					heard = append(heard, whole...)
					return err
				})
				if !errors.Is(err, context.DeadlineExceeded) || !slices.EqualFunc(said, heard, bytes.Equal) {
					t.Errorf("%d messages were said and %d heard (%v)", len(said), len(heard), err)
				}
				done <- nil
			}()
		}
		<-done
		<-done
		trace = append(traces[0], traces[1]...)
	})
	return trace
}

// Whoever watches a channel cannot tell a page at which nothing happens from one
// at which somebody asks and is answered.
func TestChannelTellsNothingEitherWay(t *testing.T) {
	first := talk(t, 0)
	if len(first) < 2*590 {
		t.Fatalf("%d frames", len(first))
	}
	for seed := range uint64(10) {
		if !slices.Equal(talk(t, seed), first) {
			t.Errorf("channel %d can be told from the first", seed)
		}
	}
}

func TestPipeLimits(t *testing.T) {
	var p Pipe
	for _, m := range [][]byte{nil, make([]byte, largestMessage+1)} {
		if err := p.Put(m); !errors.Is(err, ErrMessage) {
			t.Errorf("%d bytes: %v", len(m), err)
		}
	}
	n := 0
	for p.Put(make([]byte, largestMessage)) == nil {
		n++
	}
	if n == 0 || n > mostPiped/largestMessage {
		t.Errorf("%d messages of 1 MiB wait", n)
	}
	var in Inlet
	var whole int
	for range 2 * mostPiped / FrameBytes {
		m, err := in.Take(p.Next(FrameBytes))
		if err != nil {
			t.Fatal(err)
		}
		whole += len(m)
	}
	if whole != n || p.waiting != nil {
		t.Errorf("%d of %d came", whole, n)
	}
}

// What is no frame is refused: of another size, with more in it than fits, with
// something behind what is of use, or with a length that no message has.
func TestBadFrames(t *testing.T) {
	good := func() []byte { var p Pipe; _ = p.Put([]byte("hello")); return p.Next(64) }
	for name, spoil := range map[string]func([]byte) []byte{
		"shorter":      func(b []byte) []byte { return b[:63] },
		"longer":       func(b []byte) []byte { return append(b, 0) },
		"overfull":     func(b []byte) []byte { b[0] = 1; return b },
		"not clean":    func(b []byte) []byte { b[63] = 1; return b },
		"no length":    func(b []byte) []byte { copy(b[2:], []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}); return b },
		"too long":     func(b []byte) []byte { copy(b[2:], []byte{0x81, 0x80, 0x80, 0x01}); return b },
		"empty":        func(b []byte) []byte { b[2] = 0; return b },
		"nothing":      func([]byte) []byte { return nil },
		"only a count": func([]byte) []byte { return []byte{0, 0} },
	} {
		var in Inlet
		if _, err := in.Take(good()); err != nil {
			t.Fatal(err)
		}
		if m, err := in.Take(spoil(good())); !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %q %v", name, m, err)
		}
	}
	if _, err := new(Inlet).Take(nil); !errors.Is(err, ErrFrame) {
		t.Error("nothing as the first frame:", err)
	}
}
