package shaper

import (
	"context"
	"errors"
	"time"
)

// Source is what a stream has to say. All methods are called by one goroutine,
// at deadlines, and must not wait: what is not there yet is said by a later
// frame. Bytes that are returned are given away.
type Source interface {
	// Next gives whole events that are ready, about n bytes of them or less where
	// they can be cut so; nil: there is nothing to say now.
	Next(n int) []byte

	// Empty gives an event, or a comment, that says nothing and may stand where
	// the stream is now.
	Empty() []byte

	// Last gives what ends the stream, once everything else was given; nil: it
	// does not end yet. It is asked again until its bytes are sent.
	Last() []byte

	// Void tells that what was given and was not sent yet may not be sent any more. It
	// is asked right before each frame leaves. Once it is so, it stays so, and the
	// others give what may be said instead.
	Void() bool
}

// ErrWithin says that a stream was left within an event, whose rest was void: it
// cannot be ended, only broken off.
var ErrWithin = errors.New("the stream was left within an event, whose rest may not be sent")

// Send sends frames by the plan's clock, from begin on, until what ends the
// stream was sent at the end of a window; without windows until ctx ends. send
// gets one frame and must be done with it when it returns.
//
// A frame that comes late is sent at once, once. Where send waited for longer
// than a tick, the ticks that it missed are left out, and the window has its
// frames nevertheless: so a client that reads slowly makes an answer longer, by
// as much as any other answer.
//
// Where ctx ends first the error is a *StoppedError. Where what was given became void
// within an event it is ErrWithin; else the frame that is due is made anew.
func (p Plan) Send(ctx context.Context, begin time.Time, src Source, send func([]byte) error) error {
	f := framer{plan: p, src: src}
	stopped := func(err error) error { return &StoppedError{err, f.rest, f.last, f.within, f.void} }
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for tick, n := 1, 1; ; n++ {
		due := begin.Add(time.Duration(tick)*p.Tick + p.Jitter())
		if err := wait(ctx, timer, due.Add(-p.Tick/aheadPart)); err != nil {
			return stopped(err)
		}
		frame, err := f.next(n)
		if err != nil {
			return err
		}
		if err := wait(ctx, timer, due); err != nil {
			f.rest = append(frame, f.rest...)
			return stopped(err)
		}
		if src.Void() {
			if frame, err = f.anew(n); err != nil {
				return err
			}
		}
		if err := send(frame); err != nil {
			return err
		}
		f.within = len(f.rest) > 0
		if f.last && len(f.rest) == 0 {
			return nil
		}
		tick = max(tick+1, int(time.Since(begin)/p.Tick))
	}
}

// StoppedError says that ctx ended before the stream did. Rest is what was begun
// of an event, so that the caller can end it and say why. It is no frame: who sends
// it as it is tells how long it is.
type StoppedError struct {
	Cause  error
	Rest   []byte
	Ended  bool // Rest holds what ends the stream, too
	Within bool // the newest frame that was sent ends within an event
	Void   bool // what was given before was void, and Rest is what is said instead
}

func (e *StoppedError) Error() string { return "the stream was stopped: " + e.Cause.Error() }

// Unwrap gives why ctx ended.
func (e *StoppedError) Unwrap() error { return e.Cause }

// A frame is made ready a part of a tick before it is due: how long that takes
// depends on what is in it.
const aheadPart = 20

func wait(ctx context.Context, timer *time.Timer, until time.Time) error {
	timer.Reset(time.Until(until))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// framer cuts what a source says into frames.
type framer struct {
	plan   Plan
	src    Source
	frame  []byte
	rest   []byte // of events that were begun
	pad    int    // where spaces may be put into rest; -1 for nowhere
	empty  int    // frames that the newest empty event took
	last   bool   // rest is all there is
	within bool   // the newest frame that was sent ends within an event
	void   bool   // what was given before was dropped
}

// errNoPlace says that a source gave an empty event, or an end, that cannot be
// padded: no frame would have the right size, so none is sent.
var errNoPlace = errors.New("nothing in the stream has a place for spaces")

// next makes the n-th frame. The frame is good until the next one is made.
func (f *framer) next(n int) ([]byte, error) {
	if f.pad = lastSlack(f.rest); !f.last {
		f.fill()
		if err := f.close(n); err != nil {
			return nil, err
		}
	}
	f.frame = append(f.frame[:0], f.rest[:f.plan.Frame]...)
	f.rest = append(f.rest[:0], f.rest[f.plan.Frame:]...)
	return f.frame, nil
}

// anew makes the n-th frame, which was not sent, once more where what was given became
// void.
func (f *framer) anew(n int) ([]byte, error) {
	if f.void {
		return f.frame, nil
	}
	if f.within {
		return nil, ErrWithin
	}
	clear(f.frame)
	clear(f.rest)
	f.void, f.rest, f.last = true, f.rest[:0], false
	return f.next(n)
}

// fill takes from the source what there is room for.
func (f *framer) fill() {
	for len(f.rest) < f.plan.Frame {
		events := f.src.Next(f.plan.Frame - len(f.rest))
		if len(events) == 0 {
			return
		}
		f.rest = append(f.rest, events...)
		f.pad = lastSlack(f.rest)
	}
}

// close brings rest up to a whole frame, or to the end of the stream where this
// is the moment for it.
func (f *framer) close(n int) error {
	if ends, err := f.end(n); ends || err != nil {
		return err
	}
	size := f.plan.Frame
	if len(f.rest) >= size {
		return nil
	}
	if f.pad < 0 {
		empty := f.src.Empty()
		if f.pad = lastSlack(empty); f.pad < 0 {
			return errNoPlace
		}
		f.empty = (len(empty) + size - 1) / size
		f.pad += len(f.rest)
		f.rest = append(f.rest, empty...)
	}
	f.rest = stretch(f.rest, f.pad, (size-len(f.rest)%size)%size)
	return nil
}

// end puts what ends the stream behind rest, so that it ends where the plan has a
// window's end, if there is no later moment to begin with it.
func (f *framer) end(n int) (bool, error) {
	if len(f.plan.Windows) == 0 {
		return false, nil
	}
	end := f.src.Last()
	if len(end) == 0 {
		return false, nil
	}
	at := slack(end, 0)
	if at < 0 {
		return false, errNoPlace
	}
	size := f.plan.Frame
	soonest := n - 1 + (len(f.rest)+len(end)+size-1)/size
	window := f.plan.end(soonest)
	if later := max(1, f.empty); len(f.rest) < size && soonest+later <= window || len(f.rest) >= size && soonest < window {
		return false, nil
	}
	f.rest = append(f.rest, stretch(end, at, (window-n+1)*size-len(f.rest)-len(end))...)
	f.last = true
	return true, nil
}

// Whole waits until a whole answer of n bytes that is ready now may be sent, and
// tells to how many bytes it is to be padded: an answer that is told at once
// weighs as much, and ends when, as one that streams.
func (p Plan) Whole(ctx context.Context, begin time.Time, n int) (int, error) {
	frames := max((n+p.Frame-1)/p.Frame, int((time.Since(begin)+p.Tick-1)/p.Tick), 1)
	end := p.end(frames)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	return end * p.Frame, wait(ctx, timer, begin.Add(time.Duration(end)*p.Tick+p.Jitter()))
}

// Weight is what n bytes of an answer are padded to where it was given before and
// is fetched: as much as it weighed in the shape, which hides no more of it and no
// less.
func (p Plan) Weight(n int) int { return p.end(max(1, (n+p.Frame-1)/p.Frame)) * p.Frame }

// Begin is when a response begins that was asked for at a moment: at the next
// tick, so that it does not tell how long the question took to be understood.
func (p Plan) Begin(asked time.Time) time.Time {
	return asked.Add(p.Tick * (time.Since(asked)/p.Tick + 1))
}

// Part waits until what a client hung up on at a moment may end: at a tick, or the end
// of a body would tell whether there was still something to stop, and how long that took.
func (p Plan) Part(begin, hung time.Time) {
	at := begin.Add(p.Tick * (hung.Sub(begin)/p.Tick + 2))
	for now := time.Now(); at.Before(now); {
		at = at.Add(p.Tick)
	}
	time.Sleep(time.Until(at))
}
