package enginepack

import (
	"testing"
)

// How far an install is can be read by others while it is at work, and only then:
// what a killed one left says nothing.
func TestInstallingIsTold(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if x, at := s.Installing(); at {
		t.Errorf("before anything was: %+v", x)
	}
	lock, err := s.lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var told []Step
	o, done := s.reported(Options{Progress: func(x Step) { told = append(told, x) }})
	for _, x := range []Step{{Stage: Building, Done: 3, Total: 200}, {Stage: Building, Done: 4, Total: 200}, {Stage: Note, Text: "x"}} {
		o.step(x)
	}
	reader, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if x, at := reader.Installing(); !at || x != told[0] || len(told) != 3 {
		t.Errorf("while it is at work: %+v, %v; %+v", x, at, told)
	}
	if err := lock.Close(); err != nil { // killed
		t.Fatal(err)
	}
	if x, at := reader.Installing(); at {
		t.Errorf("when it was killed: %+v", x)
	}
	if lock, err = s.lock(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if done(); len(told) != 3 {
		t.Error(told)
	}
	if x, at := reader.Installing(); at {
		t.Errorf("when it was done: %+v", x)
	}
}
