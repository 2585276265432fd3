package sandbox

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"abaton.local/posture"
)

// ask runs one check.
func ask(t *testing.T, j *Jail, id string, live ...int) posture.Finding {
	t.Helper()
	for _, c := range Checks(j, func() []int { return live }) {
		if c.ID == id {
			f := c.Run(t.Context())
			t.Logf("%s %s: %s\n\tcontrol: %s\n\tevidence: %.300s", id, f.Status, f.Summary, f.Control, f.Evidence)
			return f
		}
	}
	t.Fatalf("there is no check %s", id)
	return posture.Finding{}
}

var checkIDs = []string{"SBX-01", "SBX-04", "SBX-10", "NET-03", "NET-05"}

// TestChecksPass: a whole jail passes.
func TestChecksPass(t *testing.T) {
	j := jailAt(t, TierA)
	p := linger(t, j)
	for _, id := range checkIDs {
		if f := ask(t, j, id, p.PID()); f.Status != posture.Pass || f.Control == "" {
			t.Errorf("%s: %+v", id, f)
		}
	}
}

// TestChecksSee: each check sees the jail that lacks what it asks about.
func TestChecksSee(t *testing.T) {
	for _, c := range []struct {
		id      string
		tier    Tier
		without []layer
		want    posture.Status
		says    string
	}{
		{"SBX-01", TierA, []layer{filterAll}, posture.Fail, "no system-call filter"},
		{"SBX-04", TierA, []layer{mountns, landlockFiles, filterAll}, posture.Fail, "read a secret of the same account"},
		{"SBX-04", TierB, nil, posture.Warn, "does not stop"},
		{"SBX-04", TierD, nil, posture.Fail, "read a secret"},
		{"SBX-10", TierA, []layer{landlockFiles, landlockNet, landlockScope}, posture.Fail, "a layer of its jail failed"},
		{"NET-03", TierA, []layer{filterAll}, posture.Fail, "socket AF_INET stream"},
		{"NET-05", TierA, []layer{filterAll, limitLocked}, posture.Fail, "io_uring_setup"},
	} {
		t.Run(c.id+" "+string(c.tier), func(t *testing.T) {
			f := ask(t, jailAt(t, c.tier, c.without...), c.id)
			if f.Status != c.want || !strings.Contains(f.Summary, c.says) {
				t.Errorf("want %s and %q", c.want, c.says)
			}
		})
	}
}

// TestCanary: what gets out is heard. Only loopback is tried.
func TestCanary(t *testing.T) {
	c, err := newCanary()
	must(t, err)
	defer c.close()
	j := jailAt(t, TierA, netns, filterAll, landlockNet)
	r, err := j.reachOf(t.Context(), socketAttempts, mission{"port4": strconv.Itoa(c.port)})
	must(t, err)
	if n := c.arrived(); n == 0 || !slices.Contains(r.escaped, "connect by IPv4") {
		t.Errorf("%d connections arrived, and these escaped: %q", n, r.escaped)
	}
}

// TestChecksNeverPassBlind: without a jail, or with an engine that is not
// there, nothing passes; a process that is not jailed is seen.
func TestChecksNeverPassBlind(t *testing.T) {
	for _, id := range checkIDs {
		if f := ask(t, nil, id); f.Status != posture.Fail {
			t.Errorf("%s without a jail: %s", id, f.Status)
		}
	}
	j := jailAt(t, TierA)
	if f := ask(t, j, "SBX-01", os.Getpid()); f.Status != posture.Fail {
		t.Errorf("an engine without a filter: %s", f.Status)
	}
	if f := ask(t, j, "SBX-01", 1<<22-1); f.Status != posture.Unknown {
		t.Errorf("an engine that is not there: %s", f.Status)
	}
	r := posture.Run(t.Context(), Checks(j, func() []int { return nil }))
	if got := slices.IndexFunc(r.Results, func(x posture.Result) bool { return x.Level < posture.Observed }); got >= 0 || len(r.Results) != len(checkIDs) {
		t.Errorf("the report holds %+v", r)
	}
}
