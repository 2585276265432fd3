package shaper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// play is a source whose words come at moments of a random script.
type play struct {
	begun   time.Time
	at      []time.Duration
	words   []string
	end     time.Duration
	last    string
	empty   string
	emptied int
}

func newPlay(seed uint64, words int, longest time.Duration) *play {
	r := rand.New(rand.NewPCG(seed, 1))
	p := &play{begun: time.Now(), last: "data: {\"usage\":" + fmt.Sprint(r.IntN(1e6)) + strings.Repeat("9", r.IntN(2000)) + "}\n\ndata: [DONE]\n\n", empty: "data: {\"empty\":true}\n\n"}
	for range words {
		p.at = append(p.at, time.Duration(r.Int64N(int64(longest))))
		p.words = append(p.words, strings.Repeat("w", r.IntN(900)))
	}
	slices.Sort(p.at)
	p.end = longest
	return p
}

func (p *play) Next(int) []byte {
	if len(p.at) == 0 || time.Since(p.begun) < p.at[0] {
		return nil
	}
	w := p.words[0]
	p.at, p.words = p.at[1:], p.words[1:]
	return []byte("data: {\"w\":\"" + w + "\"}\n\n")
}

func (p *play) Empty() []byte { p.emptied++; return []byte(p.empty) }

func (p *play) Last() []byte {
	if len(p.at) > 0 || time.Since(p.begun) < p.end {
		return nil
	}
	return []byte(p.last)
}

func (p *play) Void() bool { return false }

// seen is what an observer sees of one frame.
type seen struct {
	at    time.Duration
	bytes int
}

// watch sends a play and gives what is seen, and all that was sent.
func watch(t *testing.T, plan Plan, p *play, stall func(n int) time.Duration) (trace []seen, all []byte) {
	t.Helper()
	begin := time.Now()
	err := plan.Send(t.Context(), begin, p, func(frame []byte) error {
		trace = append(trace, seen{time.Since(begin), len(frame)})
		all = append(all, frame...)
		if stall != nil {
			time.Sleep(stall(len(trace)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return trace, all
}

// spaceless is a stream without what a client's parser skips.
func spaceless(all []byte, empty string) string {
	var out strings.Builder
	for event := range strings.SplitSeq(string(all), "\n\n") {
		if event = strings.TrimRight(event, " "); event != "" && event != strings.TrimSpace(empty) {
			out.WriteString(event + "\n\n")
		}
	}
	return out.String()
}

func jittered() func() time.Duration {
	r := rand.New(rand.NewPCG(7, 7))
	return func() time.Duration { return time.Duration(r.Int64N(int64(mostJitter))) }
}

// Two answers that are done within one window look the same; and each arrives
// whole and in order, its end last.
func TestSealedLooksTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first []seen
		for seed := range uint64(40) {
			p := newPlay(seed, int(seed*5%150), time.Duration(1+seed%9)*time.Second)
			var want strings.Builder
			for _, w := range p.words {
				want.WriteString("data: {\"w\":\"" + w + "\"}\n\n")
			}
			want.WriteString(p.last)
			trace, all := watch(t, Policy{Jitter: jittered()}.Plan(Sealed), p, nil)
			if got := spaceless(all, p.empty); got != want.String() {
				t.Fatalf("answer %d did not arrive whole:\n%.300s\nwant\n%.300s", seed, got, want.String())
			}
			if !bytes.HasSuffix(all, []byte("data: [DONE]\n\n")) {
				t.Fatalf("answer %d does not end with its end", seed)
			}
			if first == nil {
				first = trace
			}
			if len(trace) != 320 || !slices.Equal(trace, first) {
				t.Fatalf("answer %d can be told from the first: %d and %d frames", seed, len(trace), len(first))
			}
		}
	})
}

// A paced answer tells which of a few windows it ended in, and nothing else; one
// that is longer than the last window ends at a multiple of it.
func TestPacedTellsTheWindowOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		byFrames := map[int][]seen{}
		for seed := range uint64(30) {
			p := newPlay(seed, 50, time.Duration(1+seed*9)*time.Second)
			trace, _ := watch(t, Policy{Jitter: jittered()}.Plan(Paced), p, nil)
			if other, ok := byFrames[len(trace)]; ok && !slices.Equal(trace, other) {
				t.Fatalf("two answers of %d frames differ", len(trace))
			}
			byFrames[len(trace)] = trace
		}
		for n := range byFrames {
			if !slices.Contains([]int{80, 160, 320, 640, 1280, 2560, 3840}, n) {
				t.Errorf("an answer ended after %d frames", n)
			}
		}
		if len(byFrames) < 5 {
			t.Errorf("only %d windows were used", len(byFrames))
		}
	})
}

// A client that stalls delays every answer alike: what was missed is left out,
// no frame doubles, and the window has its frames.
func TestStallsAreTheClientsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stall := func(n int) time.Duration {
			if n%37 == 0 {
				return time.Duration(n) * 10 * time.Millisecond
			}
			return time.Millisecond
		}
		var first []seen
		for seed := range uint64(10) {
			trace, _ := watch(t, Policy{Jitter: jittered()}.Plan(Sealed), newPlay(seed, int(seed)*9, time.Duration(seed+1)*time.Second), stall)
			if first == nil {
				first = trace
			}
			if !slices.Equal(trace, first) {
				t.Fatal("a stall makes two answers differ")
			}
		}
		for i := 1; i < len(first); i++ {
			if first[i].at-first[i-1].at < Tick-mostJitter && (i < 2 || first[i-1].at-first[i-2].at <= Tick+mostJitter) {
				t.Errorf("frames %d and %d came at once: %v and %v", i-1, i, first[i-1].at, first[i].at)
			}
		}
		if last := first[len(first)-1].at; last < 35*time.Second || len(first) != 320 {
			t.Errorf("%d frames until %v", len(first), last)
		}
	})
}

// A channel has no end: whoever listens goes when they please.
func TestChannelNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var traces [2][]seen
		for i := range traces {
			ctx, stop := context.WithTimeout(t.Context(), 100*time.Second)
			begin := time.Now()
			err := Policy{Jitter: jittered()}.Plan(Channel).Send(ctx, begin, newPlay(uint64(i), 10+200*i, time.Second), func(frame []byte) error {
				traces[i] = append(traces[i], seen{time.Since(begin), len(frame)})
				return nil
			})
			stop()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
		if len(traces[0]) < 990 || !slices.Equal(traces[0], traces[1]) {
			t.Errorf("%d and %d frames", len(traces[0]), len(traces[1]))
		}
	})
}

// An end that is longer than a window, an empty event that is longer than a
// frame, and one that cannot be padded.
func TestOddSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlay(1, 3, time.Second)
		p.last = "data: {\"all\":\"" + strings.Repeat("x", 400*FrameBytes) + "\"}\n\n"
		p.empty = "data: {\"name\":\"" + strings.Repeat("n", 2*FrameBytes) + "\"}\n\n"
		trace, all := watch(t, Policy{Jitter: jittered()}.Plan(Sealed), p, nil)
		if len(trace) != 640 || !strings.HasSuffix(spaceless(all, p.empty), p.last) {
			t.Errorf("%d frames", len(trace))
		}
		for _, s := range trace {
			if s.bytes != FrameBytes {
				t.Fatalf("a frame of %d bytes", s.bytes)
			}
		}
		p = newPlay(1, 0, time.Second)
		p.empty = "event: nothing\n\n"
		err := Policy{}.Plan(Sealed).Send(t.Context(), time.Now(), p, func([]byte) error { t.Error("sent"); return nil })
		if !errors.Is(err, errNoPlace) {
			t.Error(err)
		}
	})
}

// A whole answer weighs what its window weighs, and comes at its end.
func TestWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			ready time.Duration
			bytes int
			want  int // frames
		}{
			{0, 0, 320}, {time.Second, 5000, 320}, {32 * time.Second, 5000, 320}, {32*time.Second + 1, 5000, 640}, {time.Second, 320*FrameBytes + 1, 640},
		} {
			plan := Policy{Jitter: func() time.Duration { return 0 }}.Plan(Sealed)
			begin := time.Now()
			time.Sleep(c.ready)
			n, err := plan.Whole(t.Context(), begin, c.bytes)
			if err != nil || n != c.want*FrameBytes || time.Since(begin) != time.Duration(c.want)*Tick {
				t.Errorf("%+v: %d bytes after %v (%v)", c, n, time.Since(begin), err)
			}
		}
		asked := time.Now()
		time.Sleep(30 * time.Millisecond)
		if at := (Plan{Tick: Tick}).Begin(asked); at.Sub(asked) != Tick {
			t.Error(at.Sub(asked))
		}
	})
}

// Deadlines go by the clock that nobody sets: one that jumps moves no frame.
func TestDeadlinesOfASteadyClock(t *testing.T) {
	at := Policy{}.Plan(Sealed).Begin(time.Now())
	for _, due := range []time.Time{at, at.Add(Tick + mostJitter)} { // as Send reckons
		if !strings.Contains(due.String(), " m=") {
			t.Errorf("%v has no reading of it", due)
		}
	}
}

// What a model says is read soon after: half of it within 60 ms.
func TestDelayToRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 9))
		p := &play{begun: time.Now(), end: 25 * time.Second, last: "data: [DONE]\n\n", empty: "data: {\"empty\":true}\n\n"}
		p.last = "data: {}\n\n" + p.last
		said := map[string]time.Duration{}
		for i := range 900 { // about 36 a second
			at := time.Duration(r.Int64N(int64(25 * time.Second)))
			p.at = append(p.at, at)
			said[fmt.Sprintf("<%d>", i)] = at
		}
		slices.Sort(p.at)
		order := slices.Sorted(maps.Values(said))
		for i, at := range order {
			p.words = append(p.words, fmt.Sprintf("<%d>", i))
			said[p.words[i]] = at
		}
		var all strings.Builder
		var delays []time.Duration
		begin := time.Now()
		err := Policy{Jitter: jittered()}.Plan(Sealed).Send(t.Context(), begin, p, func(frame []byte) error {
			all.Write(frame)
			for i := len(delays); i < len(order) && strings.Contains(all.String(), fmt.Sprintf("<%d>\"}", i)); i++ {
				delays = append(delays, time.Since(begin)-order[i])
			}
			return nil
		})
		slices.Sort(delays)
		if err != nil || len(delays) != len(order) {
			t.Fatal(err, len(delays))
		}
		median, longest := delays[len(delays)/2], delays[len(delays)-1]
		t.Logf("read later by %v at the median, %v at most", median, longest)
		if median > 60*time.Millisecond || longest > 3*Tick {
			t.Errorf("read later by %v at the median, %v at most", median, longest)
		}
	})
}

// A stream that is stopped sends no more frames, and gives what was begun of an event.
func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, n := range []int{0, 3 * FrameBytes} {
			p := &play{begun: time.Now(), at: []time.Duration{time.Second}, words: []string{strings.Repeat("w", n)}, end: time.Minute, empty: "data: {\"empty\":true}\n\n"}
			ctx, stop := context.WithTimeout(t.Context(), 1150*time.Millisecond)
			sent := 0
			err := Policy{Jitter: jittered()}.Plan(Sealed).Send(ctx, time.Now(), p, func(frame []byte) error {
				if sent++; ctx.Err() != nil || len(frame) != FrameBytes {
					t.Errorf("%d bytes were sent, %v", len(frame), ctx.Err())
				}
				return nil
			})
			stop()
			e, is := errors.AsType[*StoppedError](err)
			if !is || !errors.Is(err, context.DeadlineExceeded) || sent != 11 {
				t.Fatalf("after %d frames: %v", sent, err)
			}
			if rest := string(e.Rest); n == 0 && rest != "" || n > 0 && (len(rest) <= 2*FrameBytes || len(rest) > 3*FrameBytes || !strings.HasSuffix(rest, "\n\n")) {
				t.Errorf("of %d bytes %d are left: %q", n, len(rest), rest)
			}
			if n > 0 && (len(PadAll(e.Rest)) != 4096 || !bytes.HasSuffix(PadAll(e.Rest), []byte("\n\n"))) {
				t.Errorf("%q", PadAll(e.Rest))
			}
		}
	})
}

// What was hung up on ends at a tick, at the same one however long an engine takes to
// stop within a tick, and is not waited for longer than two ticks and that.
func TestPart(t *testing.T) {
	plan := Policy{}.Plan(Sealed)
	for hung := -plan.Tick; hung < 5*plan.Tick; hung += 7 * time.Millisecond {
		ends := map[time.Duration]bool{}
		for _, takes := range []time.Duration{0, plan.Tick / 3, plan.Tick, 777 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				asked := time.Now()
				begin := asked.Add(plan.Tick)
				at := begin.Add(hung)
				time.Sleep(time.Until(at) + takes)
				plan.Part(begin, at)
				end, late := time.Since(begin), time.Since(at)
				if end%plan.Tick != 0 || late > 3*plan.Tick && late > takes+plan.Tick {
					t.Errorf("hung up at %v, stopped after %v: ended at %v", hung, takes, end)
				}
				if takes <= plan.Tick {
					ends[end] = true
				}
			})
		}
		if hung > -plan.Tick && len(ends) != 1 {
			t.Errorf("hung up at %v: ended at %v", hung, ends)
		}
	}
}
