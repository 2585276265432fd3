package main

import (
	"errors"
	"fmt"
	"os"
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
