package enginepack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A command that is run without a network.
type command struct {
	argv []string // absolute path first
	dir  string
	env  []string
	out  io.Writer // of both standard output and error
}

// niceness of a build: it yields to everything that people wait for.
const niceness = 10

// confined runs a command to its end in new user, network and process
// namespaces (clone(2)): it sees one network interface, loopback, which is
// down. When it ends, is cancelled or this program dies, all its processes are
// killed with it, because the first of a process namespace takes the others
// along. *IsolationError when the system does not allow the namespaces; it is
// then not run.
func confined(ctx context.Context, c command) error {
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread got its own niceness, which the child
		// inherits, and Pdeathsig fires when the parent's thread ends.
		runtime.LockOSThread()
		if err := unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), niceness); err != nil {
			done <- fmt.Errorf("low priority: %w", err)
			return
		}
		cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.dir, c.env, c.out, c.out
		cmd.WaitDelay = 5 * time.Second
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}},
			Pdeathsig:   syscall.SIGKILL,
			Setsid:      true, // no terminal to read from or to write into
		}
		if err := cmd.Start(); err != nil {
			switch {
			case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS),
				errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS):
				if _, statErr := os.Stat(c.argv[0]); statErr == nil {
					err = &IsolationError{Err: err}
				}
			}
			done <- err
			return
		}
		done <- cmd.Wait()
	}()
	err := <-done
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
