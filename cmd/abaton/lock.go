package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// storeLock is held by the one process that owns the store. The kernel lets go
// of it when the process ends, however it ends.
type storeLock struct{ file *os.File }

// lockStore takes the lock for a verb, or says who has it. Holders write their
// process number and verb into the file; that is for people, the lock itself
// is the kernel's.
func lockStore(state, verb string) (*storeLock, error) {
	path := filepath.Join(state, "abaton.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock the store: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("cannot lock %s: %w", path, err)
		}
		holder, _ := io.ReadAll(io.LimitReader(f, 100))
		who := cleanLine(string(holder))
		if who == "" {
			who = "another process"
		}
		return nil, fmt.Errorf("the store is in use by %s, and one process owns it at a time: end that one, "+
			"or let `abaton serve` run, which answers any number of `abaton chat` and `abaton ask`", who)
	}
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "`abaton %s` (process %d)\n", strings.TrimSpace(verb), os.Getpid()), 0)
	}
	return &storeLock{f}, nil
}

func (l *storeLock) release() { l.file.Close() }
