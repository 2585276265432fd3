package engine

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// asksBehind embeds the texts of m behind everybody's questions and tells how it went.
func asksBehind(t *testing.T, e *Engine, m Meaning) (told func() (Vectors, error)) {
	t.Helper()
	m.Behind = true
	var v Vectors
	var err error
	var asking sync.WaitGroup
	asking.Go(func() { v, err = e.Embed(t.Context(), m) })
	return func() (Vectors, error) { asking.Wait(); return v, err }
}

// waitedFor is a question that somebody waits for, until it is over.
func waitedFor(t *testing.T, e *Engine, m Meaning) (over func()) {
	t.Helper()
	s, _, err := e.sit(t.Context(), key{model: m.Model, person: "somebody", kind: embeds})
	if err != nil {
		t.Fatal(err)
	}
	return func() { e.rise(s) }
}

func (e *Engine) seatBehind(m Meaning) (inside int, w *worker) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.seats[key{m.Model, m.Person, behind}]; s != nil {
		return s.inside, s.worker
	}
	return 0, nil
}

// Work that nobody waits for starts no worker while somebody waits for theirs, stands
// still where it has one, and goes on from where it was.
func TestBehindEverybodysQuestions(t *testing.T) {
	e, m := startBert(t, false)
	m.Texts = []string{"a cat", "a dog"}
	over := waitedFor(t, e, m)
	told := asksBehind(t, e, m)
	eventually(t, func() bool { inside, _ := e.seatBehind(m); return inside == 1 })
	mine := m
	mine.Person = "bert"
	want, err := e.Embed(t.Context(), mine) // another question that comes later is answered first
	if err != nil {
		t.Fatal(err)
	}
	if _, w := e.seatBehind(m); w != nil {
		t.Error("it starts an engine while somebody waits for an answer")
	}
	over()
	v, err := told()
	if err != nil || !slices.Equal(v.Of[0], want.Of[0]) {
		t.Fatalf("%v", err)
	}
	_, w := e.seatBehind(m)

	over = waitedFor(t, e, m)
	told = asksBehind(t, e, m)
	eventually(t, func() bool { return halted(t, w.proc.PID()) })
	own, err := e.Embed(t.Context(), m) // the person's own question is one like any other
	if err != nil || !slices.Equal(own.Of[0], want.Of[0]) {
		t.Fatalf("%v", err)
	}
	if !halted(t, w.proc.PID()) {
		t.Error("it goes on while somebody still waits")
	}
	over()
	if v, err = told(); err != nil || !slices.Equal(v.Of[0], want.Of[0]) {
		t.Fatalf("%v", err)
	}
	if _, again := e.seatBehind(m); again != w {
		t.Error("it did not go on by the same engine")
	}

	// A vault that locks ends it where it stands.
	over = waitedFor(t, e, m)
	defer over()
	told = asksBehind(t, e, m)
	eventually(t, func() bool { return halted(t, w.proc.PID()) })
	e.Leave(m.Person)
	if _, err := told(); err == nil {
		t.Error("it was answered after its vault was locked")
	}
	<-w.gone
}

// It has memory only where nobody wants it.
func TestBehindEverybodysMemory(t *testing.T) {
	e, m := startBert(t, false)
	m.Texts = []string{"a cat"}
	if _, err := asksBehind(t, e, m)(); err != nil {
		t.Fatal(err)
	}
	_, w := e.seatBehind(m)
	e.mu.Lock()
	e.cfg.MaxWorkers = 1
	if e.people() != 1 || e.over(m.Person, nil, nil) {
		t.Error("it counts as its person's share")
	}
	e.mu.Unlock()
	other := m
	other.Person = "bert"
	if _, err := e.Embed(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	<-w.gone
	// Now the other has the only place, and keeps it.
	ctx, giveUp := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	var err error
	asking.Go(func() {
		late := m
		late.Behind = true
		_, err = e.Embed(ctx, late)
	})
	eventually(t, func() bool { inside, _ := e.seatBehind(m); return inside == 1 })
	if _, err := e.Embed(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	giveUp()
	asking.Wait()
	if err == nil || meaningWorker(t, e, other, embeds) == nil {
		t.Errorf("somebody's engine was ended for it: %v", err)
	}
}

// An engine that stands still for others is not taken for one that hangs.
func TestAHaltIsNoSilence(t *testing.T) {
	var p pulse
	p.wait(0)
	p.since.Store(time.Now().Add(-time.Hour).UnixNano())
	p.halt(true)
	if p.silent() != 0 {
		t.Error("it counts while it stands still")
	}
	p.wait(0)
	p.since.Store(time.Now().Add(-time.Hour).UnixNano())
	if p.halt(false); p.silent() > time.Minute {
		t.Error("it counts after it stood still")
	}
	p.since.Store(0)
	if p.halt(false); p.silent() != 0 {
		t.Error("it counts though nobody waits for the engine")
	}
}
