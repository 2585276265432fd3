package sandbox

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRenames: who may put files into place may do so in a folder of its own and
// nowhere else, and who may not is ended.
func TestRenames(t *testing.T) {
	for _, tier := range []Tier{TierA, TierB} {
		for _, policy := range []Policy{Go, GoJIT} {
			t.Run(string(tier)+" "+string(policy), func(t *testing.T) {
				j := jailAt(t, tier)
				given := filepath.Join(t.TempDir(), "given")
				must(t, os.WriteFile(given, []byte("given"), 0o600))
				s := own(t, j, policy)
				s.Files = append(s.Files, File{Path: given, Inside: "/given"})
				s.RunDirs, s.FileSize = []string{"one", "other"}, 1<<10
				s.Args = func(at func(string) string) []string {
					return []string{"sandbox-rename", at("/run/one"), at("/run/other"), at("/given")}
				}
				if got, err := runIn(t, j, s); err != nil || !got.exit.PolicyHit {
					t.Errorf("without leave: %+v (%v)", got, err)
				}
				s.Renames = true
				if got := mustRun(t, j, s); got != "code<nil>" {
					t.Errorf("with leave: %s", got)
				}
				if b, err := os.ReadFile(given); err != nil || string(b) != "given" {
					t.Errorf("what it was given is now %q (%v)", b, err)
				}
			})
		}
	}
}
