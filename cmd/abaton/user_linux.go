package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// become changes all threads to the account and makes sure that there is no
// way back. Changing the account makes the process undumpable, which would
// close /proc/self to it; it has read nothing secret yet, so this is undone
// until the lock-down closes it for good.
func become(a account) error {
	if err := syscall.Setgroups([]int{}); err != nil {
		return fmt.Errorf("groups: %w", err)
	}
	if err := syscall.Setresgid(a.gid, a.gid, a.gid); err != nil {
		return fmt.Errorf("group %d: %w", a.gid, err)
	}
	if err := syscall.Setresuid(a.uid, a.uid, a.uid); err != nil {
		return fmt.Errorf("account %d: %w", a.uid, err)
	}
	if os.Getuid() != a.uid || os.Geteuid() != a.uid || syscall.Setresuid(0, 0, 0) == nil {
		return errors.New("the change did not hold: is the program run with capabilities kept?")
	}
	return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)
}

// closeOnExec has every descriptor but the standard three closed when another
// program starts. They are not closed here: some are the Go runtime's own.
func closeOnExec() error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("close descriptors: %w", err)
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}
