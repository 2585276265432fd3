//go:build !linux

package sandbox

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"runtime"
)

// missing is what this system lacks. Nothing here runs a program: a protection
// that is not there is an error.
func missing() *NoJail {
	return &NoJail{[]string{runtime.GOOS + " has no jail yet: it needs Linux with user namespaces or Landlock"}}
}

// IsChild reports whether this process was started by a [Jail]: never here.
func IsChild() bool { return false }

// Child does what a process was started for; here it only ends.
func Child() { os.Exit(2) }

// A Jail starts programs shut in; there is none on this system.
type Jail struct{}

// Open says what is missing. AcceptUnjailed changes nothing: there is nothing
// to start programs with.
func Open(context.Context, Config) (*Jail, error) { return nil, missing() }

// Tier is always D.
func (*Jail) Tier() Tier { return TierD }

// Start says what is missing.
func (*Jail) Start(context.Context, Spec) (*Process, error) { return nil, missing() }

// OwnProgram fails.
func (*Jail) OwnProgram() (File, []File, error) { return File{}, nil, missing() }

// SystemProgram fails.
func SystemProgram(string) (File, []File, error) { return File{}, nil, missing() }

// Close does nothing.
func (*Jail) Close() error { return nil }

// A Process is a program that runs in the jail; there is none on this system.
type Process struct{}

var errNoProcess = errors.New("no program runs: there is no jail on this system")

// PID is -1.
func (*Process) PID() int { return -1 }

// RunDir is nil.
func (*Process) RunDir() *os.File { return nil }

// Kill is an error.
func (*Process) Kill() error { return errNoProcess }

// Stop is an error.
func (*Process) Stop() error { return errNoProcess }

// Continue is an error.
func (*Process) Continue() error { return errNoProcess }

// Done is closed.
func (*Process) Done() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// Exit says that nothing ran.
func (*Process) Exit() Exit { return Exit{Code: -1} }

// LockDown says what is missing.
func LockDown(...netip.AddrPort) error { return missing() }
