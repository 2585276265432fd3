package sandbox

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// counted is how many attempts must have a control on this kernel.
const counted = 40

var (
	jailTiers    = []Tier{TierA, TierB, TierC}
	jailPolicies = []Policy{Native, Go, GoJIT}
)

// TestEscapeMatrix makes every attempt outside, where it must succeed, and
// inside every jail that claims to stop it, where none may.
func TestEscapeMatrix(t *testing.T) {
	w := newWorld(t)
	controls := make([]outcome, len(attempts))
	w.each(t, len(attempts), func(i int) { controls[i] = w.outside(t, attempts[i]) })
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
				if !t.Failed() || os.Getenv("KEEP") == "" {
					do(i)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// A showing is one proof that a layer is no theatre: the attempt is refused by
// this layer although all others that stop it are gone, and succeeds once this
// one is gone too.
type showing struct {
	a   attempt
	by  layer
	off []layer // the others that stop it
}

// without gives the layers to take away, and those that go with them because
// they cannot stand alone: the kernel takes filter and Landlock only from who
// has no_new_privs, and the other namespaces only from who has a user namespace
// or is root.
func without(a attempt, but layer, root bool) (off []layer) {
	add := func(l ...layer) {
		for _, l := range l {
			if !slices.Contains(off, l) {
				off = append(off, l)
			}
		}
	}
	add(a.also...)
	for _, l := range a.stops {
		if l == but {
			continue
		}
		add(l)
		switch {
		case l == noNewPrivs:
			add(filterAll, landlockFiles, landlockNet, landlockScope)
		case l == userns && !root:
			add(mountns, pidns, netns, ipcns, utsns, cgroupns)
		}
	}
	return off
}

// TestNoTheatre takes layers away, one proof at a time, on the tier that has
// them all. A layer that nothing shows is an error.
func TestNoTheatre(t *testing.T) {
	w := newWorld(t)
	root := os.Geteuid() == 0
	controls := make([]outcome, len(attempts))
	w.each(t, len(attempts), func(i int) { controls[i] = w.outside(t, attempts[i]) })
	for _, policy := range jailPolicies {
		o := w.order(TierA, policy)
		var shows []showing
		for i, a := range attempts {
			if !controls[i].succeeded {
				continue
			}
			a.stops = o.stops(a)
			for _, l := range a.stops {
				off := without(a, l, root)
				if slices.Contains(off, l) || l != filterAll && slices.Contains(off, filterAll) && strings.HasPrefix(string(l), "filter") {
					continue // it cannot stand without one of the others
				}
				shows = append(shows, showing{a, l, off})
			}
		}
		shown := map[layer]int{}
		var mu sync.Mutex
		w.each(t, len(shows), func(i int) {
			s := shows[i]
			alone := w.inside(t, TierA, policy, s.a, s.off...)
			bare := w.inside(t, TierA, policy, s.a, without(s.a, "", root)...)
			switch {
			case !alone.refused:
				t.Errorf("policy %s: %q by %q alone: %s (off: %q)", policy, s.a.name, s.by, alone, s.off)
			case !bare.succeeded:
				t.Errorf("policy %s: %q without %q: %s (off: %q)", policy, s.a.name, s.by, bare, s.off)
			default:
				mu.Lock()
				shown[s.by]++
				mu.Unlock()
			}
		})
		for _, l := range o.layers() {
			if shown[l] == 0 {
				t.Errorf("policy %s: nothing shows that layer %q is real", policy, l)
			}
		}
		t.Logf("policy %s: %d showings of %d layers: %v", policy, len(shows), len(shown), shown)
	}
}
