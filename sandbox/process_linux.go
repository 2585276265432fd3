package sandbox

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
)

// A Process is a program that runs in the jail. Its methods are safe for
// concurrent use. It is waited for by itself: nothing is left behind.
type Process struct {
	jail    *Jail
	process *os.Process // signals by pidfd where the kernel has it
	run     *os.File
	folder  *heldFolder // nil where the jail has a root of its own
	killed  atomic.Bool
	done    chan struct{}
	exit    Exit // before done is closed: written by wait only
}

// PID is the process's number outside the jail.
func (p *Process) PID() int { return p.process.Pid }

// RunDir is the jail's /run, opened with O_PATH: sockets and files below it are
// reached as /proc/self/fd/N/name. It stays open after the program has ended,
// so that N means nothing else; whoever uses it closes it.
func (p *Process) RunDir() *os.File { return p.run }

// Kill ends the program at once. After its end it does nothing.
func (p *Process) Kill() error {
	// Before the signal: its end must never look like somebody else's doing.
	p.killed.Store(true)
	return p.signal(syscall.SIGKILL)
}

// Stop halts the program; Continue lets it go on.
func (p *Process) Stop() error { return p.signal(syscall.SIGSTOP) }

// Continue lets a stopped program go on.
func (p *Process) Continue() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) error {
	err := p.process.Signal(s)
	if err == nil || errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return fmt.Errorf("signal %s to a jailed program: %w", s, err)
}

// Done is closed when the program has ended and everything of its jail is gone.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit says how it ended. It is valid after Done.
func (p *Process) Exit() Exit {
	select {
	case <-p.done:
		return p.exit
	default:
		return Exit{}
	}
}

func (p *Process) wait() {
	state, err := p.process.Wait()
	if err != nil {
		// Nothing else waits for our children, so this cannot be; but a program
		// must never look alive for good.
		p.exit = Exit{Code: -1}
	} else if s, ok := state.Sys().(syscall.WaitStatus); ok {
		p.exit = exitOf(s)
	}
	p.exit.Killed = p.exit.Signal == syscall.SIGKILL && p.killed.Load()
	p.folder.remove()
	p.jail.forget(p)
	close(p.done)
}

func exitOf(s syscall.WaitStatus) Exit {
	e := Exit{Code: s.ExitStatus()}
	if s.Signaled() {
		e.Signal = s.Signal()
		e.PolicyHit = e.Signal == syscall.SIGSYS
	}
	return e
}

// keep counts p among the living; false when the jail was closed meanwhile.
func (j *Jail) keep(p *Process) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return false
	}
	j.live[p] = struct{}{}
	return true
}

func (j *Jail) forget(p *Process) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.live, p)
}
