package reader

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// TestCodeIsMadeOnceAtOnce: many who ask at once wait for the same code; what failed is
// tried again by who comes later; who gives up does not end it for the others.
func TestCodeIsMadeOnceAtOnce(t *testing.T) {
	r := New(nil)
	var built atomic.Int32
	failing := errors.New("no")
	begun, release := make(chan struct{}, 9), make(chan struct{})
	r.build = func(ctx context.Context) (code, error) {
		n := built.Add(1)
		begun <- struct{}{}
		<-release
		if err := ctx.Err(); err != nil {
			return code{}, err
		}
		if n == 1 {
			return code{}, failing
		}
		return keepCode(strings.NewReader(strings.Repeat("a", nameLength) + "code"))
	}
	gaveUp, giveUp := context.WithCancel(t.Context())
	ask := func() (failed int32) {
		var all sync.WaitGroup
		var errs atomic.Int32
		for range 20 {
			all.Go(func() {
				if c, err := r.compiled(t.Context()); err != nil {
					errs.Add(1)
				} else if c.size != 4 {
					t.Errorf("the code has %d bytes", c.size)
				}
			})
		}
		all.Wait()
		return errs.Load()
	}
	all := sync.WaitGroup{}
	all.Go(func() {
		if err := r.Warm(gaveUp); !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up: %v", err)
		}
	})
	<-begun
	giveUp()
	all.Wait()
	close(release)
	for ask() > 0 { // some may have come while it failed
	}
	if n := built.Load(); n != 2 {
		t.Errorf("built %d times", n)
	}
	file := r.code.file
	if err := errors.Join(r.Close(), r.Close()); err != nil {
		t.Error(err)
	}
	if _, err := file.Stat(); err == nil {
		t.Error("the code is kept after Close")
	}
	if _, err := r.compiled(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestClosedWhileMaking: code that comes when nobody wants it any more is let go.
func TestClosedWhileMaking(t *testing.T) {
	r := New(nil)
	release, made := make(chan struct{}), make(chan code, 1)
	r.build = func(context.Context) (code, error) {
		<-release
		c, err := keepCode(strings.NewReader(strings.Repeat("a", nameLength) + "code"))
		made <- c
		return c, err
	}
	var all sync.WaitGroup
	all.Go(func() {
		if err := r.Warm(t.Context()); !errors.Is(err, errClosed) {
			t.Errorf("it was closed: %v", err)
		}
	})
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	close(release)
	all.Wait()
	select {
	case c := <-made:
		if _, err := c.file.Stat(); err == nil {
			t.Error("the code is kept")
		}
	default: // closed before anybody asked
	}
}
