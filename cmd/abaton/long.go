package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"abaton.local/gateway"
	"abaton.local/vault"
)

// long is a call that may take minutes, by how much somebody keeps. While it
// works it says each second how far it is, so that neither a deadline of the
// connection nor the person takes it for dead.
type long[In, Out any] struct {
	name string
	do   func(context.Context, *home, vault.Session, In, progress) (Out, error)
}

// progress is told how far a piece of work is. It may be called often.
type progress func(done, of int)

// report is one line of what a running serve sends about a long call: how far it
// is, or in the last one how it ended.
type report[Out any] struct {
	Done    int          `json:"done"`
	Of      int          `json:"of"`
	Out     *Out         `json:"out,omitempty"`
	Refused *refusedCall `json:"refused,omitempty"`
}

// reportEvery is how often is said how far it is, and how long nothing is.
const reportEvery = time.Second

// at does a long call at a desk and shows on the screen how far it is, once it
// has taken a second.
func (c long[In, Out]) at(ctx context.Context, p *program, d *desk, what string, in In) (out Out, err error) {
	m, begun := newMeter(p.screen, false), time.Now()
	m.begin(what)
	defer m.end()
	show := func(done, of int) {
		if of > 0 && time.Since(begun) >= reportEvery {
			m.steps(done, of, "")
		}
	}
	if d.remote == nil {
		out, err = c.do(ctx, d.home, d.session, in, show)
		return out, tell(err)
	}
	err = d.remote.post(ctx, doPath+c.name, in, func(body io.Reader) error {
		for lines := json.NewDecoder(body); ; {
			var r report[Out]
			switch err := lines.Decode(&r); {
			case err != nil:
				return tell(fmt.Errorf("what the running abaton serve sent broke off; what it had begun may be done: %w", err))
			case r.Refused != nil:
				return told{errors.New(cleanLine(r.Refused.Error.Message)), r.Refused.Error.Exit}
			case r.Out != nil:
				out = *r.Out
				return nil
			}
			show(r.Done, r.Of)
		}
	})
	return out, err
}

// route is a long call as a running serve offers it.
func (c long[In, Out]) route(at counter, may gateway.Policy) gateway.Route {
	return gateway.Route{Method: http.MethodPost, Path: doPath + c.name, Policy: may,
		Serve: func(w http.ResponseWriter, r *http.Request, s vault.Session) {
			out := &pouring{w: w, conn: http.NewResponseController(w)}
			var in In
			err := readCall(r, &in)
			if err == nil {
				err = out.patient()
			}
			if err != nil {
				at.refuse(w, tell(err))
				return
			}
			var x reporter[Out]
			x.out = out
			result, err := x.work(func(p progress) (Out, error) { return c.do(r.Context(), at.home, s, in, p) })
			switch {
			case err == nil:
				x.say(report[Out]{Done: x.done, Of: x.of, Out: &result})
			case out.begun:
				no := new(refusedCall)
				no.Error.Message, no.Error.Exit = words(tell(err), at.log)
				x.say(report[Out]{Done: x.done, Of: x.of, Refused: no})
			default:
				at.refuse(w, tell(err))
			}
		}}
}

// meanwhile has something said each second until stop is called, and never after.
func meanwhile(say func()) (stop func()) {
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(reportEvery)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-tick.C:
				say()
			}
		}
	})
	return func() {
		close(over)
		wg.Wait()
	}
}

// reporter says each second how far a piece of work is.
type reporter[Out any] struct {
	out *pouring

	mu       sync.Mutex
	done, of int // guarded by mu
}

// work does a piece of work. When it returns nothing more is said by itself.
func (x *reporter[Out]) work(do func(progress) (Out, error)) (Out, error) {
	defer meanwhile(func() {
		x.mu.Lock()
		r := report[Out]{Done: x.done, Of: x.of}
		x.mu.Unlock()
		x.say(r)
	})()
	return do(func(done, of int) {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.done, x.of = done, of
	})
}

// say sends one line, now. An error is the client's hanging up, of which the
// request's context tells the work.
func (x *reporter[Out]) say(r report[Out]) {
	if json.NewEncoder(x.out).Encode(r) == nil {
		_ = x.out.conn.Flush()
	}
}
