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

// A heldFolder is a folder, 0700, that is removed at the end. Whoever uses it
// holds a lock on it, which the kernel drops when that process dies in any way,
// so the next Open can tell what was left behind. A nil heldFolder is none.
type heldFolder struct {
	dir  string
	lock *os.File
}

// Where a jail has no root of its own, such a folder stands for /run; another
// kind holds what the escape probe reaches for.
const (
	runPrefix   = "jail-"
	stagePrefix = "probe-"
)

func (f *heldFolder) path() string {
	if f == nil {
		return ""
	}
	return f.dir
}

// remove takes the folder away. What is in it may be the work of a program that
// is not trusted: os.RemoveAll follows no links.
func (f *heldFolder) remove() {
	if f == nil {
		return
	}
	_ = os.RemoveAll(f.dir)
	_ = f.lock.Close()
}

// holdFolder makes and locks a folder in base.
func holdFolder(base, prefix string) (*heldFolder, error) {
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, err
	}
	unlock, err := lockFolder(base, unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer unlock.Close()
	dir, err := os.MkdirTemp(base, prefix) // 0700
	if err != nil {
		return nil, err
	}
	lock, err := lockFolder(dir, unix.LOCK_EX|unix.LOCK_NB)
	if err != nil {
		_ = os.Remove(dir)
		return nil, err
	}
	return &heldFolder{dir, lock}, nil
}

// newRunFolder makes what stands for /run.
func (j *Jail) newRunFolder() (*heldFolder, error) {
	if j.cfg.RuntimeDir == "" {
		return nil, errors.New("a jail without namespaces needs a runtime folder, and none is configured")
	}
	return holdFolder(j.cfg.RuntimeDir, runPrefix)
}

// sweep removes the folders of processes that died.
func (j *Jail) sweep() error {
	return errors.Join(sweepFolder(j.cfg.RuntimeDir, runPrefix), sweepFolder(j.cfg.StateDir, stagePrefix))
}

func sweepFolder(base, prefix string) error {
	if base == "" {
		return nil
	}
	unlock, err := lockFolder(base, unix.LOCK_EX)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock.Close()
	entries, err := os.ReadDir(base)
	if err != nil {
		return fmt.Errorf("look for what was left behind: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		dir := filepath.Join(base, e.Name())
		lock, err := lockFolder(dir, unix.LOCK_EX|unix.LOCK_NB)
		if err != nil {
			continue // in use
		}
		(&heldFolder{dir, lock}).remove()
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
