package sandbox

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A showing is one proof that a layer is no theatre: an attempt is refused by
// this layer although all others that stop it are gone, and succeeds once this
// one is gone too.
type showing struct {
	attempt
	by        layer
	off, bare []layer // what is taken away first, and in the end
}

// TestNoTheatre takes layers away on the tier that has them all: for every
// attempt and every layer that stops it, one showing. A layer that nothing shows
// is an error, unless none of its attempts has a control on this kernel.
func TestNoTheatre(t *testing.T) {
	w := newWorld(t)
	controls := w.controls(t)
	for i, policy := range jailPolicies {
		before := order{}
		if i > 0 {
			before = w.order(TierA, jailPolicies[i-1])
		}
		w.show(t, controls, w.order(TierA, policy), before)
	}
}

// show makes the showings of one policy that the policy before did not make
// just so.
func (w *world) show(t *testing.T, controls []outcome, o, before order) {
	t.Helper()
	shows, mute := showings(controls, o)
	if before.Policy != "" {
		made, _ := showings(controls, before)
		shows = slices.DeleteFunc(shows, func(s showing) bool {
			return slices.ContainsFunc(made, func(m showing) bool {
				sameFilter := !strings.HasPrefix(string(s.by), "filter") || o.Policy == GoJIT
				return sameFilter && m.name == s.name && m.by == s.by && slices.Equal(m.off, s.off)
			})
		})
	}
	bare := map[string]func() outcome{} // the run with nothing left is the same for all layers of an attempt
	for _, s := range shows {
		bare[s.name+fmt.Sprint(s.bare)] = sync.OnceValue(func() outcome { return w.inside(t, TierA, o.Policy, s.attempt, s.bare...) })
	}
	var mu sync.Mutex
	shown := map[layer]int{}
	w.each(t, len(shows), func(i int) {
		s := shows[i]
		if alone := w.inside(t, TierA, o.Policy, s.attempt, s.off...); !alone.refused {
			t.Errorf("policy %s: %q is not stopped by %q alone: %s (off: %q)", o.Policy, s.name, s.by, alone, s.off)
			return
		}
		if bare := bare[s.name+fmt.Sprint(s.bare)](); !bare.succeeded {
			t.Errorf("policy %s: %q is stopped by something that it does not name: %s (off: %q)", o.Policy, s.name, bare, s.bare)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		shown[s.by]++
	})
	t.Logf("policy %s: %d showings of %d layers: %v; without a control here: %q", o.Policy, len(shows), len(shown), shown, mute)
	if before.Policy != "" {
		return
	}
	for _, l := range o.layers() {
		if shown[l] == 0 && !slices.Contains(mute, l) {
			t.Errorf("policy %s: nothing shows that layer %q is real", o.Policy, l)
		}
	}
}

// showings lists what can be shown with the attempts that have a control, and
// the layers of which no attempt has one.
func showings(controls []outcome, o order) (shows []showing, mute []layer) {
	named := map[layer]bool{}
	for i, a := range attempts {
		a.stops = o.stops(a)
		for _, l := range a.stops {
			if !controls[i].succeeded {
				named[l] = named[l] || false
				continue
			}
			named[l] = true
			s := showing{a, l, a.without(l), a.without("")}
			if !slices.Contains(s.off, l) && !(isFilter(l) && slices.Contains(s.off, filterAll)) {
				shows = append(shows, s)
			}
		}
		// All of the filter at once, with an attempt that nothing else stops.
		if controls[i].succeeded && slices.Equal(a.stops, []layer{filterOtherwise}) && !named[filterAll] {
			named[filterAll] = true
			shows = append(shows, showing{a, filterAll, nil, []layer{filterAll}})
		}
	}
	for l, control := range named {
		if !control {
			mute = append(mute, l)
		}
	}
	slices.Sort(mute)
	return shows, mute
}

func isFilter(l layer) bool { return strings.HasPrefix(string(l), string(filterAll)) }

// without gives the layers that stop a but one, and those that go with them
// because they cannot stand alone: the kernel takes a filter or Landlock only
// from who has no_new_privs, and other namespaces only from who has a user
// namespace or is root.
func (a attempt) without(but layer) (off []layer) {
	off = slices.Clone(a.also)
	for _, l := range a.stops {
		if l == but {
			continue
		}
		off = append(off, l)
		switch {
		case l == noNewPrivs:
			off = append(off, filterAll, landlockFiles, landlockNet, landlockScope)
		case l == userns && os.Geteuid() != 0:
			off = append(off, mountns, pidns, netns, ipcns, utsns, cgroupns)
		}
	}
	slices.Sort(off)
	return slices.Compact(off)
}
