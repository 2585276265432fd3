package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// heard is what somebody reads of news that came while questions were asked,
// and afterwards. afterwards is told once wait has begun to show.
func heard(t *testing.T, moves bool, text string) (n *news, read func() string) {
	t.Helper()
	errs, err := os.Create(filepath.Join(t.TempDir(), "errs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { errs.Close() })
	n = newNews(&screen{errs: errs, moves: moves})
	n.follow(strings.NewReader(text))
	return n, func() string {
		b, err := os.ReadFile(errs.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
}

func TestNewsWaitForTheirTurn(t *testing.T) {
	for _, moves := range []bool{true, false} {
		n, read := heard(t, moves, "one\nfar: 1 of 2\rtwo\x1b[31m\nfar: 2 of 2\r\x000\n")
		if got := read(); got != "" {
			t.Fatalf("said before its turn: %q", got)
		}
		if err := n.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := "one\ntwo\n" // a pull moves no cursor
		if moves {
			want += "far: 2 of 2\r\x1b[K"
		} else {
			want += "far: 2 of 2\n"
		}
		if got := read(); got != want {
			t.Errorf("moves %v: said %q, want %q", moves, got, want)
		}
	}
}

// What comes while nobody is asked anything is shown at once, progress in place.
func TestNewsAsTheyCome(t *testing.T) {
	n, read := heard(t, true, "")
	n.open = true
	n.progress("far: 1")
	n.progress("far: 2")
	n.tell("done")
	if got, want := read(), "far: 1\r\x1b[Kfar: 2\r\x1b[Kdone\n"; got != want {
		t.Errorf("said %q, want %q", got, want)
	}
	n, read = heard(t, false, "")
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	n.open, n.now = true, func() time.Time { return now }
	for range 11 {
		n.progress("far")
		now = now.Add(time.Second)
	}
	if got := read(); got != "far\nfar\nfar\n" {
		t.Errorf("where no line is redrawn: %q", got)
	}
}

func TestNewsEnd(t *testing.T) {
	for text, code := range map[string]int{
		"\x003\n": unprotected, "x\n\x00130\n": stopped, // the pull's own
		"x\n": failed, "": failed, "\x00": failed, "\x00-1\n": failed, "\x00x\n": failed, // not heard
	} {
		n, _ := heard(t, true, text)
		e, ok := errors.AsType[told](n.wait(t.Context()))
		if !ok || e.code != code {
			t.Errorf("%q: %v with code %d, want %d", text, e, e.code, code)
		}
	}
	var b strings.Builder
	if err := tellEnd(&b, done); err != nil {
		t.Fatal(err)
	}
	n, _ := heard(t, true, b.String())
	if err := n.wait(t.Context()); err != nil {
		t.Error(err)
	}
	n = newNews(&screen{errs: os.Stderr}) // nothing comes
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.wait(ctx); !errors.Is(err, errStopped) {
		t.Errorf("stopped: %v", err)
	}
}

// Whatever a pull says, it takes little room.
func TestNewsAreBounded(t *testing.T) {
	n, _ := heard(t, true, strings.Repeat("x", 1<<20)+"\n"+strings.Repeat("y\n", 5*mostNews))
	if len(n.lines) != mostNews || n.lines[0] != "y" {
		t.Errorf("%d lines are kept", len(n.lines))
	}
	n, _ = heard(t, true, strings.Repeat("x", 1<<20))
	if len(n.lines) != 1 || len(n.lines[0]) != longestNews {
		t.Errorf("a line of %d bytes is kept", len(n.lines[0]))
	}
}

// A pull that somebody else shows says progress once a second, each time as
// one line that gives way.
func TestMeterForNews(t *testing.T) {
	m, b, wait := testMeter(false, 80)
	m.relay = true
	m.begin("engine")
	for i := range 101 {
		m.steps(i, 100, "x")
		wait(100 * time.Millisecond)
	}
	m.end()
	n, _ := heard(t, true, b.String())
	if got := strings.Count(b.String(), "\r"); got < 10 || got > 12 || len(n.lines) > 0 {
		t.Errorf("%d times in ten seconds, %d lines: %q", got, len(n.lines), b)
	}
	if n.last != "engine: [100/100], x" {
		t.Errorf("the last: %q", n.last)
	}
}
