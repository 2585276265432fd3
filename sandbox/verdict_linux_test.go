package sandbox

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// openCounting opens a jail and gives how many escape probes that took.
func openCounting(t *testing.T, cfg Config) (*Jail, int) {
	t.Helper()
	var log bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	j, err := Open(t.Context(), cfg)
	must(t, err)
	t.Cleanup(func() { must(t, j.Close()) })
	t.Log(log.String())
	return j, strings.Count(log.String(), "escape probe found no way out")
}

// TestVerdict: the probe runs once, is remembered, and is remembered only by a
// file that nobody else can have written.
func TestVerdict(t *testing.T) {
	cfg := Config{StateDir: t.TempDir(), RuntimeDir: t.TempDir()}
	file := filepath.Join(cfg.StateDir, verdictFile)
	if _, n := openCounting(t, cfg); n != 1 {
		t.Errorf("the first time it ran %d times", n)
	}
	if left, err := os.ReadDir(cfg.StateDir); err != nil || len(left) != 1 {
		t.Errorf("the probe left %v (%v)", left, err)
	}
	j, n := openCounting(t, cfg)
	if n != 0 {
		t.Errorf("the second time it ran %d times", n)
	}
	must(t, os.Chmod(file, 0o666))
	if _, n := openCounting(t, cfg); n != 1 {
		t.Error("a file that everybody can write was believed")
	}
	must(t, os.WriteFile(file, []byte("{"), 0o600))
	if _, n := openCounting(t, cfg); n != 1 {
		t.Error("a broken file was believed")
	}
	native, err := j.verdictKey(Native, nil)
	must(t, err)
	other, err := j.verdictKey(Go, nil)
	must(t, err)
	card, err := j.verdictKey(Native, zeroDevice)
	must(t, err)
	j.tier = TierB
	third, err := j.verdictKey(Native, nil)
	must(t, err)
	if native == other || native == third || native == card {
		t.Error("one verdict would count for another policy, tier or card")
	}
}

// TestEscapeFound: a jail with a hole is found out, and nothing starts in it.
func TestEscapeFound(t *testing.T) {
	for _, tier := range []Tier{TierA, TierB, TierC} {
		j := jailAt(t, tier, filterAll, landlockFiles, mountns)
		_, err := j.Start(t.Context(), own(t, j, Native, helloVerb))
		found, ok := errors.AsType[*EscapeError](err)
		if !ok || !strings.Contains(strings.Join(found.Acts, "|"), "read /etc/passwd") || found.Tier != tier {
			t.Errorf("tier %s: %v", tier, err)
		}
		if left, err := os.ReadDir(j.cfg.StateDir); err != nil || len(left) != 0 {
			t.Errorf("tier %s: something was remembered: %v (%v)", tier, left, err)
		}
	}
}

// TestProbeHolds runs the product's own probe where TestVerdict does not.
func TestProbeHolds(t *testing.T) {
	for tier, policy := range map[Tier]Policy{TierA: Go, TierB: Native, TierC: GoJIT} {
		t.Run(string(tier)+" "+string(policy), func(t *testing.T) {
			n, err := jailAt(t, tier).probe(t.Context(), policy)
			if err != nil || n < 40 {
				t.Errorf("%d attempts: %v", n, err)
			}
			t.Log(n, "attempts")
		})
	}
}
