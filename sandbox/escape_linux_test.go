package sandbox

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// counted is how many attempts must have a control on this kernel.
const counted = 40

var (
	jailTiers    = []Tier{TierA, TierB, TierC}
	jailPolicies = []Policy{Native, NativeGPU, Go, GoJIT}
)

// TestEscapeMatrix makes every attempt outside, where it must succeed, and
// inside every jail that claims to stop it, where none may.
func TestEscapeMatrix(t *testing.T) {
	w := newWorld(t)
	controls := w.controls(t)
	var shown []attempt
	var without []string
	for i, a := range attempts {
		if controls[i].succeeded {
			shown = append(shown, a)
		} else {
			without = append(without, fmt.Sprintf("%s (%s)", a.name, controls[i].why))
		}
	}
	t.Logf("%d attempts, %d with a control here; without: %s", len(attempts), len(shown), strings.Join(without, "; "))
	if len(shown) < counted {
		t.Errorf("%d attempts have a control on this kernel, want %d", len(shown), counted)
	}
	for _, tier := range jailTiers {
		for _, policy := range jailPolicies {
			if policy == NativeGPU && tier != TierA {
				continue // refused there: TestCardsRefused
			}
			var claimed []attempt
			var not []string
			for _, a := range shown {
				if len(w.order(tier, policy).stops(a)) > 0 {
					claimed = append(claimed, a)
				} else {
					not = append(not, a.name)
				}
			}
			got := make([]outcome, len(claimed))
			w.each(t, len(claimed), func(i int) { got[i] = w.inside(t, tier, policy, claimed[i]) })
			killed, succeeded := 0, 0
			for i, o := range got {
				switch {
				case o.succeeded:
					succeeded++
					t.Errorf("tier %s, policy %s: %q succeeded", string(tier), policy, claimed[i].name)
				case !o.refused:
					t.Errorf("tier %s, policy %s: %q: %s", string(tier), policy, claimed[i].name, o)
				case o.killed:
					killed++
				}
			}
			t.Logf("tier %s, policy %-6s: %3d claimed, %3d refused by an error, %3d killed, %d succeeded; not claimed: %s",
				string(tier), policy, len(claimed), len(claimed)-killed-succeeded, killed, succeeded, strings.Join(not, "; "))
			if len(claimed) < counted {
				t.Errorf("tier %s, policy %s: %d attempts claimed, want %d", string(tier), policy, len(claimed), counted)
			}
		}
	}
}

// controls makes every attempt outside.
func (w *world) controls(t *testing.T) []outcome {
	t.Helper()
	o := make([]outcome, len(attempts))
	w.each(t, len(o), func(i int) { o[i] = w.outside(t, attempts[i]) })
	return o
}

// order is the order of a jail in this world, without paths: enough to ask for
// its layers.
func (w *world) order(tier Tier, policy Policy) order {
	return order{Tier: tier, Policy: policy, Memory: jailMemory}
}

// each runs do for 0 to n-1, a few at a time.
func (w *world) each(t *testing.T, n int, do func(i int)) {
	t.Helper()
	var wg sync.WaitGroup
	next := make(chan int)
	for range wide {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// TestEscapeOrdinary makes matrix and showings once more without root, and with
// a program that root has made, which an ordinary account cannot.
func TestEscapeOrdinary(t *testing.T) {
	if os.Getuid() != 0 {
		return // they run so anyway
	}
	cmd := alone(t, nobody, "(TestEscapeMatrix|TestNoTheatre)", "")
	// In a folder that only that account may enter, and it does nothing but
	// say whose rights it has.
	setuid := cmd.Dir + "/setuid"
	must(t, os.WriteFile(setuid, tinyProgram(true), 0o600))
	must(t, os.Chmod(setuid, 0o755|os.ModeSetuid))
	cmd.Env = append(cmd.Env, "ABATON_ALONE="+setuid)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestNoTheatre") {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "policy ") || strings.Contains(line, " control ") {
			t.Log(strings.TrimSpace(line))
		}
	}
}
