package leak

import (
	"strings"
	"testing"
)

// What asks for the same run says all that was not as usual.
func TestCommandAsksForTheSame(t *testing.T) {
	r := Report{Run: Run{WindowSecond: usualWindow, AtOnce: 800, Plan: Plan{Topics: []string{"hiv"}, Modes: []string{"off", "sealed"}, Prompts: 200, Trials: 10, Seed: 3}}}
	if c := r.command(); strings.Contains(c, "--noise") || strings.Contains(c, "--shape-window") {
		t.Error(c)
	}
	r.Run.WindowSecond, r.Run.Plan.Noise = 48, 400
	if c := r.command(); !strings.Contains(c, " --prompts 200 --noise 400 --trials 10 ") || !strings.HasSuffix(c, " --seed 3 --shape-window 48s") {
		t.Error(c)
	}
}
