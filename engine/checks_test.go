package engine

import (
	"errors"
	"os"
	"testing"

	"abaton.local/posture"
)

func TestApart(t *testing.T) {
	one := func(int) (int, error) { return 1, nil }
	two := []WorkerInfo{{PID: 1, Person: "anna"}, {PID: 2, Person: "bela"}}
	for name, c := range map[string]struct {
		running []WorkerInfo
		slots   func(int) (int, error)
		want    posture.Status
	}{
		"own":        {two, one, posture.Pass},
		"nothing":    {nil, one, posture.Unknown},
		"unreadable": {two, func(int) (int, error) { return 0, os.ErrPermission }, posture.Unknown},
		"shared":     {two, func(pid int) (int, error) { return pid * 2, nil }, posture.Warn},
		"one shared": {two, func(pid int) (int, error) { return pid, nil }, posture.Warn},
	} {
		if f := apart(c.running, c.slots); f.Status != c.want || f.Summary == "" {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if _, err := slotsOf(os.Getpid()); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("this process was started with slots: %v", err)
	}
}

// What the kernel says of real engines, under both policies.
func TestEnginesAreSeenToBeApart(t *testing.T) {
	for slots, want := range map[int]posture.Status{0: posture.Pass, 3: posture.Warn} {
		h := sharedSlots(t, slots, nil)
		if _, err := h.ask(t.Context(), "anna", "bababa", 2); err != nil {
			t.Fatal(err)
		}
		for _, c := range h.e.Checks() {
			if f := c.Run(t.Context()); f.Status != want {
				t.Errorf("%d slots: %+v", slots, f)
			}
		}
	}
}
