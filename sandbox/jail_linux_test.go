package sandbox

import (
	"testing"
)

// TestGreeting starts a program under every tier and policy.
func TestGreeting(t *testing.T) {
	for _, tier := range []Tier{TierA, TierB, TierC, TierD} {
		for _, policy := range []Policy{Native, Go, GoJIT} {
			t.Run(string(tier)+" "+string(policy), func(t *testing.T) {
				j := jailAt(t, tier)
				got, err := runIn(t, j, own(t, j, policy, helloVerb))
				if err != nil {
					t.Fatal(err)
				}
				if got.out != sayHello || got.exit != (Exit{}) {
					t.Errorf("said %q, complained %q, ended with %+v", got.out, got.errs, got.exit)
				}
			})
		}
	}
}
