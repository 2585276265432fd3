package enginepack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// buildSpace is what a build needs on its disk: 179 MB of source and 91 MB of
// objects, measured with b11434, and some air.
const buildSpace = 400 << 20

// build makes the static layout from source. Its folder is made anew and
// removed whatever comes; one that a killed build left goes first. A lock keeps
// two stores from building in the same place.
func (s *Store) build(ctx context.Context, p plan, a archive, o Options) (pack *Pack, err error) {
	base := o.BuildDir
	if base == "" {
		base = filepath.Join(s.dir, incomingName)
	}
	base, err = filepath.Abs(base)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(base, 0o700); err != nil {
		return nil, fmt.Errorf("folder for building: %w", space(err, base, buildSpace))
	}
	if err := ownOrSticky(base); err != nil {
		return nil, fmt.Errorf("folder for building: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(base, "engine-build.lock"), os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("folder for building: %w", space(err, base, buildSpace))
	}
	defer lock.Close()
	if err := flock(ctx, lock, func() { o.step(Step{Stage: Waiting, Text: "another build is at work; waiting for it"}) }); err != nil {
		return nil, err
	}
	top := filepath.Join(base, "engine-build")
	defer func() {
		err = space(err, base, buildSpace)
		err = errors.Join(err, os.RemoveAll(top))
	}()
	if err := os.RemoveAll(top); err != nil {
		return nil, fmt.Errorf("left by an earlier build: %w", err)
	}
	for _, d := range []string{top, filepath.Join(top, "source"), filepath.Join(top, "objects"), filepath.Join(top, "home")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return nil, fmt.Errorf("folder for building: %w", err)
		}
	}
	w := builder{top: top, log: filepath.Join(base, "engine-build.log"), options: o}
	compiler, err := w.ready(ctx) // before 37 MB are fetched for nothing
	if err != nil {
		return nil, err
	}
	if err := s.unpackSource(ctx, a, filepath.Join(top, "source"), o); err != nil {
		return nil, err
	}
	if err := w.run(ctx, p); err != nil {
		return nil, err
	}
	defer os.Remove(w.log)

	o.step(Step{Stage: Checking, Text: serverName})
	stage, err := s.stage(p)
	if err != nil {
		return nil, fmt.Errorf("engine folder: %w", space(err, s.dir, buildSpace))
	}
	defer func() {
		stage.Close()
		removeAll(stage.Name())
	}()
	if err := copyFile(stage, serverName, filepath.Join(top, "objects", "bin", serverName), 0o700); err != nil {
		return nil, space(err, s.dir, buildSpace)
	}
	if err := copyFile(stage, "LICENSE", filepath.Join(top, "source", "LICENSE"), 0o600); err != nil {
		return nil, space(err, s.dir, buildSpace)
	}
	if err := checkHardened(filepath.Join(stage.Name(), serverName)); err != nil {
		return nil, fmt.Errorf("the engine that was built is not used: %w", err)
	}
	if err := s.checkVersion(ctx, stage.Name(), p); err != nil {
		return nil, err
	}
	pack, err = s.commit(ctx, stage, p, compiler)
	if err != nil {
		return nil, fmt.Errorf("install the engine: %w", space(err, s.dir, buildSpace))
	}
	s.done(a)
	return pack, nil
}

func (s *Store) unpackSource(ctx context.Context, a archive, dir string, o Options) error {
	f, err := s.fetched(ctx, a, o)
	if err != nil {
		return err
	}
	defer f.Close()
	o.step(Step{Stage: Unpacking, Text: a.Origin})
	dest, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer dest.Close()
	return a.unpack(ctx, f, dest, sourceCaps, func(name string) string {
		inside, ok := strings.CutPrefix(name, a.Inside)
		if !ok {
			return ""
		}
		return inside
	})
}
