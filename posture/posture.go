// Package posture asks whether the machine is locked as promised. A [Check]
// looks at reality, tries its positive control in the same run, and returns a
// [Finding]; a report is what `abaton audit` prints. The checks themselves live
// beside what they check (sandbox/checks.go and so on): this package only knows
// how to run and print them.
//
// Identifiers of the French agency ANSSI's guide PA-102 are always printed
// whole (PA102-R9), for the agency numbers R1, R2, ... anew in every guide.
package posture

import "context"

// Level says how strong the evidence behind a check is.
type Level int

// The levels, weakest first. A check below Observed can never pass.
const (
	Attested   Level = iota // E0: a person signed a statement
	Declared                // E1: a configuration says so
	Observed                // E2: state of the kernel, files or sockets of the live processes
	Probed                  // E3: the forbidden act was tried and refused, and its control succeeded
	Continuous              // E4: observed or probed again and again, each result recorded
)

// Status is the outcome of one check.
type Status string

// The outcomes. Unknown never counts as pass.
const (
	Pass    Status = "pass"
	Warn    Status = "warn"
	Fail    Status = "fail"
	NA      Status = "n/a" // needs a reason in Finding.Summary that a machine checked
	Manual  Status = "manual"
	Unknown Status = "unknown" // it could not be measured
)

// Finding is what one run of a check saw. No field may hold content or secrets.
type Finding struct {
	Status   Status `json:"status"`
	Summary  string `json:"summary"`            // one sentence for a person
	Evidence string `json:"evidence,omitempty"` // raw: what the kernel said
	Control  string `json:"control,omitempty"`  // the positive control and how it went
	Recheck  string `json:"recheck,omitempty"`  // a shell command that shows the same without this program
	Fix      string `json:"fix,omitempty"`      // what to do when it is not a pass
}

// Check is one question about this machine.
type Check struct {
	ID    string   // "SBX-01"
	Title string   // "Seccomp on every engine thread"
	Maps  []string // what it gives evidence for: "PA102-R28"
	Level Level
	Run   func(context.Context) Finding
}
