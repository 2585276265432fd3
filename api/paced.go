package api

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"abaton.local/api/wire"
	"abaton.local/chat"
	"abaton.local/shaper"
)

// paced sends a stream in a shape whose frames leave at fixed moments, whatever
// the engine does: one goroutine asks the engine and fills a script, this one
// reads it at deadlines.
func (a *API) paced(x exchange, q question) {
	out := a.sender(x, q)
	ctx, stop := context.WithCancel(x.r.Context())
	defer stop()
	s := &script{encoder: q.stream, model: x.model, around: usualEnvelope, drained: make(chan struct{}, 1), of: x, words: func(err error) wire.Problem { return a.problem(x, err) }}
	asking := x
	asking.r = x.r.WithContext(ctx)
	broke := make(chan any, 1)
	go func() {
		defer func() {
			p := recover()
			if p != nil {
				stop()
			}
			broke <- p
		}()
		a.write(asking, q, s)
	}()
	var err error
	var left time.Time
	a.untilHungUp(x, func() {
		if err = out.begin(ctx, x.begin); err == nil {
			err = a.Shape.Plan(x.shape).Send(ctx, x.begin, s, out.send)
		}
		left = time.Now()
		stop()
		if p := <-broke; p != nil {
			panic(p) // the door tells of it
		}
	})
	if err != nil && !out.begun && stopping(x.r.Context()) {
		a.fail(x, err)
		return
	}
	if errors.Is(err, shaper.ErrWithin) {
		a.Shape.Plan(x.shape).Part(x.begin, left) // or it would tell how long the engine took to stop
		out.torn = true
	}
	if e, is := errors.AsType[*shaper.StoppedError](err); is && stopping(x.r.Context()) {
		rest := e.Rest
		if !e.Ended {
			rest = append(rest, s.remains()...)
		}
		if out.bare = s.Void(); out.bare && !e.Void {
			out.torn, rest = e.Within, s.remains()
		}
		out.send(shaper.PadAll(rest))
	}
	out.whole()
}

// stopping tells that a request ends because the server does. Where a client hung up
// nothing more is sent: nobody reads it, but whoever watches would see how much it is.
func stopping(ctx context.Context) bool {
	return ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.Canceled)
}

// untilHungUp does what an answer takes. Where the client of a shape with ticks hung up
// meanwhile it returns at one.
func (a *API) untilHungUp(x exchange, answer func()) {
	hung := make(chan time.Time, 1)
	stays := context.AfterFunc(x.r.Context(), func() { hung <- time.Now() })
	answer()
	if !stays() && x.shape > shaper.Pad && !stopping(x.r.Context()) {
		a.Shape.Plan(x.shape).Part(x.begin, <-hung)
	}
}

// write asks the engine and fills the script. What is to be kept is kept before
// the end is given away.
func (a *API) write(x exchange, q question, s *script) {
	size := 0
	var end chat.Event // the newest one that ends an answer: the last of them ends the stream
	for e, err := range a.events(x, q) {
		if size += len(e.Text) + len(e.Reasoning); err == nil && q.keep != nil && size > mostText {
			err = errTooMuch
		}
		if err == nil && end.Finish != "" {
			err = s.add(x.r.Context(), end)
			end = chat.Event{}
		}
		if err == nil && e.Finish != "" {
			end = chat.Event{Model: e.Model, Answer: e.Answer, Cut: e.Cut}
			end.Finish, end.Usage = e.Finish, e.Usage
			e.Finish = ""
		}
		if err == nil {
			err = s.add(x.r.Context(), e)
		}
		if err != nil {
			s.fail(a, x, err)
			return
		}
	}
	if err := s.wait(x.r.Context(), 0); err != nil {
		s.fail(a, x, err)
		return
	}
	s.mu.Lock()
	if s.struck {
		s.mu.Unlock()
		return
	}
	frames := q.stream.Frames(end)
	keep := func() error { return nil }
	if q.keep != nil {
		stored := q.keep()
		keep = func() error { return a.keep(x, stored) }
	}
	s.mu.Unlock()
	if err := keep(); err != nil {
		s.fail(a, x, err)
		return
	}
	s.ends(frames)
}

// script is what the engine has said and was not sent yet. It is a shaper.Source.
type script struct {
	model   string
	drained chan struct{} // has a value when something was taken
	of      exchange
	words   func(error) wire.Problem // why whoever asks may hear no more

	mu      sync.Mutex
	encoder encoder      // guarded by mu
	pending []chat.Event // that have one kind of content each; guarded by mu
	size    int          // of the texts in pending; guarded by mu
	around  int          // about what an event has around its text; guarded by mu
	end     []byte       // guarded by mu
	struck  bool         // whoever asks was barred: nothing is added any more; guarded by mu
}

// mostPending bounds the text that waits to be sent, in bytes. It is seldom met:
// a plan's frames carry more than most engines say.
const mostPending = 64 << 10

// usualEnvelope is what an event has around its text, until one was seen.
const usualEnvelope = 256

// add takes an event apart and puts it after what waits; short texts that follow
// each other become one. It waits while too much waits.
func (s *script) add(ctx context.Context, e chat.Event) error {
	if err := s.wait(ctx, mostPending); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	bare := chat.Event{Model: e.Model, Answer: e.Answer, Cut: e.Cut}
	next := func() chat.Event {
		one := bare
		bare.Cut = 0 // it is said once
		return one
	}
	if e.Sources != nil {
		one := next()
		one.Sources, one.Conflicts = e.Sources, e.Conflicts
		s.put(one)
	}
	if e.Reasoning != "" {
		one := next()
		one.Reasoning = e.Reasoning
		s.put(one)
	}
	if e.Text != "" || len(e.LogProbs) > 0 {
		one := next()
		one.Text, one.LogProbs, one.Cites = e.Text, e.LogProbs, e.Cites
		s.put(one)
	}
	if len(e.Calls) > 0 || e.Finish != "" {
		one := next()
		one.Calls, one.Finish, one.Usage = e.Calls, e.Finish, e.Usage
		s.put(one)
	}
	return nil
}

// put is called with mu held.
func (s *script) put(e chat.Event) {
	if s.struck {
		return
	}
	s.size += len(e.Text) + len(e.Reasoning)
	if n := len(s.pending); n > 0 {
		if l := &s.pending[n-1]; l.Answer == e.Answer && alike(*l, e) && len(l.Text)+len(l.Reasoning) < shaper.FrameBytes {
			l.Text += e.Text
			l.Reasoning += e.Reasoning
			return
		}
	}
	s.pending = append(s.pending, e)
}

// alike tells whether the texts of two events may be told as one.
func alike(a, b chat.Event) bool {
	return cuttable(a) && cuttable(b) && (a.Text == "") == (b.Text == "")
}

// cuttable tells whether there is nothing but text in an event.
func cuttable(e chat.Event) bool {
	return len(e.LogProbs) == 0 && len(e.Calls) == 0 && e.Sources == nil && len(e.Cites) == 0 && e.Finish == "" && (e.Text == "") != (e.Reasoning == "")
}

// wait returns once no more than most bytes of text wait, and nothing at all
// where most is 0.
func (s *script) wait(ctx context.Context, most int) error {
	for {
		s.mu.Lock()
		enough := s.size <= most && (most > 0 || len(s.pending) == 0)
		s.mu.Unlock()
		if enough {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.drained:
		}
	}
}

func (s *script) ends(frames []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.struck {
		s.end = frames
	}
}

// strike drops what was said and not sent where whoever asks may hear no more, and
// makes that the end. It is called with mu held.
func (s *script) strike() {
	if s.struck {
		return
	}
	no := s.of.barred()
	if no == nil {
		return
	}
	s.struck, s.pending, s.size = true, nil, 0
	s.end = s.encoder.Failure(s.words(no))
	s.taken()
}

// Void tells that whoever asks may not hear what was taken and not sent.
func (s *script) Void() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strike()
	return s.struck
}

// fail makes a failure the end. What was said before it is sent first.
func (s *script) fail(a *API, x exchange, err error) {
	p := a.problem(x, err)
	_ = s.wait(x.r.Context(), 0) // where it ends early, what waits goes with the end
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.struck {
		return
	}
	for _, e := range s.pending {
		s.end = append(s.end, s.encoder.Frames(e)...)
	}
	s.pending, s.size = nil, 0
	s.end = append(s.end, s.encoder.Failure(p)...)
}

// Next gives the next event, with as much text as fits into n bytes.
func (s *script) Next(n int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strike()
	for len(s.pending) > 0 {
		e := s.pending[0]
		if cuttable(e) {
			room := n - s.around
			if room < leastText && n < shaper.FrameBytes {
				return nil // the next frame has more room
			}
			room = max(room, leastText)
			e.Text, e.Reasoning = cut(e.Text, room), cut(e.Reasoning, room)
		}
		s.took(e)
		frames := s.encoder.Frames(e)
		s.around = len(frames) - written(e)
		if len(frames) > 0 {
			return frames
		}
	}
	return nil
}

// leastText is the shortest piece of text that is worth an event, in bytes.
const leastText = 48

// took takes from pending what is in e. It is called with mu held.
func (s *script) took(e chat.Event) {
	first := &s.pending[0]
	first.Cut = 0
	s.size -= len(e.Text) + len(e.Reasoning)
	first.Text, first.Reasoning = first.Text[len(e.Text):], first.Reasoning[len(e.Reasoning):]
	if first.Text == "" && first.Reasoning == "" {
		s.pending = slices.Delete(s.pending, 0, 1)
	}
	s.taken()
}

func (s *script) taken() {
	select {
	case s.drained <- struct{}{}:
	default:
	}
}

// Empty gives an event that says nothing.
func (s *script) Empty() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.encoder.Empty(s.model)
}

// Last gives what ends the stream, once it is known and all else was taken.
func (s *script) Last() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.strike()
	if len(s.pending) > 0 {
		return nil
	}
	return slices.Clone(s.end)
}

// remains is everything that was not sent yet. It is asked when nobody writes any
// more, so there is an end, if only a failure.
func (s *script) remains() (frames []byte) {
	for {
		next := s.Next(mostPending)
		if next == nil {
			return append(frames, s.Last()...)
		}
		frames = append(frames, next...)
	}
}
