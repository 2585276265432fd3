package enginepack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"abaton.local/hardware"
)

// Store is the folder of engine packs:
//
//	<key>/              an installed pack, read-only
//	current             the key of the pack that was installed last
//	.incoming/          downloads and builds in progress
//	.new-<key>/         a pack being installed, renamed when it is whole
//	.lock               held while something is installed
//	.verified.json      what was checked since the machine started
//
// Several programs may use one store at once.
type Store struct {
	dir     string
	pins    pins
	machine func() (hardware.Machine, error)
}

// Open makes the folder where it is missing; dir becomes absolute.
func Open(dir string) (*Store, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("engine folder: %w", err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, fmt.Errorf("engine folder: %w", err)
	}
	if err := closeToWriters(abs); err != nil {
		return nil, fmt.Errorf("engine folder: %w", err)
	}
	return &Store{dir: abs, pins: pinned(), machine: hardware.Probe}, nil
}

// plans are the packs that fit this machine, in the order of preference. A
// pack made from other sources than the ones pinned in this version is not
// among them: engines get old, and the jail's rules are tested with these.
func (s *Store) plans() ([]plan, error) {
	m, err := s.machine()
	if err != nil {
		return nil, fmt.Errorf("which engine fits: %w", err)
	}
	fit := []plan{sourcePlan(s.pins.source, m)}
	if a, ok := s.pins.readyMade[m.OS+"/"+m.Arch]; ok {
		fit = append(fit, readyMadePlan(a))
	}
	if current, err := os.ReadFile(filepath.Join(s.dir, currentName)); err == nil && len(fit) == 2 && strings.TrimSpace(string(current)) == fit[1].key() {
		fit[0], fit[1] = fit[1], fit[0]
	}
	return fit, nil
}

const (
	currentName  = "current"
	incomingName = ".incoming"
	stagePrefix  = ".new-"
	badPrefix    = ".bad-"
)

// Installed gives the pack that was installed last for this machine, every file
// checked against its digest (once per boot, unless a file's inode changed).
// ErrNone when there is none; *DamagedError when it is not what was installed.
func (s *Store) Installed(ctx context.Context) (*Pack, error) {
	fit, err := s.plans()
	if err != nil {
		return nil, err
	}
	for _, p := range fit {
		pack, err := s.load(ctx, p)
		if errors.Is(err, ErrNone) {
			continue
		}
		return pack, err
	}
	return nil, ErrNone
}

// lock keeps other installs out until the file is closed. waiting is called
// once when somebody else holds it. The kernel lets go when the holder dies.
func (s *Store) lock(ctx context.Context, waiting func()) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(s.dir, ".lock"), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("engine folder: %w", err)
	}
	if err := flock(ctx, f, waiting); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// flock takes an exclusive lock (flock(2)), asking again until ctx ends.
func flock(ctx context.Context, f *os.File, waiting func()) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EWOULDBLOCK):
			return fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		if waiting != nil {
			waiting()
			waiting = nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// sweep removes what killed installs left. The lock is held.
func (s *Store) sweep() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("engine folder: %w", err)
	}
	for _, e := range entries {
		if n := e.Name(); strings.HasPrefix(n, stagePrefix) || strings.HasPrefix(n, badPrefix) || strings.HasPrefix(n, ".write-") {
			if err := removeAll(filepath.Join(s.dir, n)); err != nil {
				return fmt.Errorf("left by an install that was stopped: %w", err)
			}
		}
	}
	return nil
}

// discard takes a damaged pack out of sight in one step, then deletes it.
func (s *Store) discard(key string) error {
	bad := filepath.Join(s.dir, badPrefix+key)
	if err := removeAll(bad); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(s.dir, key), bad); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return removeAll(bad)
}

// removeAll deletes read-only folders, too.
func removeAll(path string) error {
	filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			os.Chmod(p, 0o700) // before it is read; a failure shows below
		}
		return nil
	})
	return os.RemoveAll(path)
}
