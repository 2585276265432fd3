//go:build !linux

package sandbox

import (
	"context"

	"abaton.local/posture"
)

// Checks are the questions about the jail: SBX-01, SBX-04, SBX-10, NET-03 and
// NET-05. There is none on this system, so each fails.
func Checks(*Jail, func() []int) []posture.Check {
	var checks []posture.Check
	for _, id := range []string{"SBX-01", "SBX-04", "SBX-10", "NET-03", "NET-05"} {
		checks = append(checks, posture.Check{ID: id, Title: "The jail of the engine", Maps: []string{"PA102-R28"}, Level: posture.Observed,
			Run: func(context.Context) posture.Finding {
				return posture.Finding{Status: posture.Fail, Summary: missing().Error(), Fix: "use Linux for what must stay in a jail"}
			}})
	}
	return checks
}
