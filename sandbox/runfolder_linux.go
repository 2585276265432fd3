package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A runFolder stands for /run where the jail has no root of its own: a folder
// of the host, 0700, that is removed at the end. Whoever uses one holds a lock
// on it, which the kernel drops when that process dies in any way, so the next
// Open can tell what was left behind. A nil runFolder is none.
type runFolder struct {
	dir  string
	lock *os.File
}

const runPrefix = "jail-"

func (f *runFolder) path() string {
	if f == nil {
		return ""
	}
	return f.dir
}

// remove takes the folder away. What is in it was written by a program that is
// not trusted: os.RemoveAll follows no links.
func (f *runFolder) remove() {
	if f == nil {
		return
	}
	_ = os.RemoveAll(f.dir)
	_ = f.lock.Close()
}

// newRunFolder makes a folder and locks it.
func (j *Jail) newRunFolder() (*runFolder, error) {
	if j.cfg.RuntimeDir == "" {
		return nil, errors.New("a jail without namespaces needs a runtime folder, and none is configured")
	}
	base, err := filepath.Abs(j.cfg.RuntimeDir)
	if err != nil {
		return nil, err
	}
	unlock, err := lockFolder(base, unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer unlock.Close()
	dir, err := os.MkdirTemp(base, runPrefix) // 0700
	if err != nil {
		return nil, err
	}
	lock, err := lockFolder(dir, unix.LOCK_EX|unix.LOCK_NB)
	if err != nil {
		_ = os.Remove(dir)
		return nil, err
	}
	return &runFolder{dir, lock}, nil
}

// sweepRunFolders removes the folders of processes that died.
func (j *Jail) sweepRunFolders() error {
	if j.cfg.RuntimeDir == "" {
		return nil
	}
	unlock, err := lockFolder(j.cfg.RuntimeDir, unix.LOCK_EX)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock.Close()
	entries, err := os.ReadDir(j.cfg.RuntimeDir)
	if err != nil {
		return fmt.Errorf("look for jails left behind: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), runPrefix) {
			continue
		}
		dir := filepath.Join(j.cfg.RuntimeDir, e.Name())
		lock, err := lockFolder(dir, unix.LOCK_EX|unix.LOCK_NB)
		if err != nil {
			continue // in use
		}
		(&runFolder{dir, lock}).remove()
	}
	return nil
}

// lockFolder locks a folder; closing the file unlocks it.
func lockFolder(dir string, how int) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), how)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EINTR) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", dir, err)
		}
	}
}
