package sandbox

import (
	"os"
	"testing"
)

// TestMain lets the test binary be what the tests start: a process that makes
// one attempt, one that is attacked, one that locks itself down.
func TestMain(m *testing.M) {
	if isStub() {
		runStub(knobs())
	}
	if IsChild() {
		Child()
	}
	runProgram()
	if len(os.Args) > 1 && os.Args[1] == victimVerb {
		runVictim()
	}
	if len(os.Args) > 2 && os.Args[1] == lockVerb {
		runLockAct(os.Args[2], os.Args[3:])
	}
	if len(os.Args) > 1 && os.Args[1][0] != '-' {
		os.Exit(2) // a child that was told something unknown must not run the tests, which start children
	}
	os.Exit(m.Run())
}
