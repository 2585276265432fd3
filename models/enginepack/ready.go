package enginepack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// installReadyMade unpacks upstream's release archive: the server, its
// libraries and the licence, from whatever folder of it they lie in. Other
// programs stay out, and so does the backend for remote calls: the engine loads
// what lies in its folder.
func (s *Store) installReadyMade(ctx context.Context, a archive, o Options) (*Pack, error) {
	p := readyMadePlan(a)
	o.step(Step{Stage: Note, Text: "the ready-made engine is untried: made by others, without our hardening, never downloaded by us before; only the pinned digest vouches for it"})
	f, err := s.fetched(ctx, a, o)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	o.step(Step{Stage: Unpacking, Text: a.Origin})
	stage, err := s.stage(p)
	if err != nil {
		return nil, fmt.Errorf("engine folder: %w", space(err, s.dir, 8*a.Size))
	}
	defer func() {
		stage.Close()
		removeAll(stage.Name())
	}()
	if err := a.unpack(ctx, f, stage, readyMadeCaps, wanted); err != nil {
		return nil, space(err, s.dir, 8*a.Size)
	}
	if err := lift(stage); err != nil {
		return nil, err
	}
	o.step(Step{Stage: Checking, Text: serverName})
	if err := checkShared(stage); err != nil {
		return nil, fmt.Errorf("the ready-made engine is not used: %w", err)
	}
	err = s.checkVersion(ctx, stage.Name(), p)
	if isolation, ok := errors.AsType[*IsolationError](err); ok {
		// Native code is not started unconfined only to ask its version: the jail
		// will find out.
		o.step(Step{Stage: Note, Text: fmt.Sprintf("the engine was not tried out yet: no empty network namespace here (%v)", isolation.Err)})
	} else if err != nil {
		return nil, err
	}
	pack, err := s.commit(ctx, stage, p, "")
	if err != nil {
		return nil, fmt.Errorf("install the engine: %w", space(err, s.dir, 8*a.Size))
	}
	s.done(a)
	return pack, nil
}

// wanted chooses the archive's entries by their base names.
func wanted(name string) string {
	base := path.Base(name)
	switch {
	case base == serverName:
	case isLibrary(base) && !strings.HasPrefix(base, "libggml-rpc"):
	case strings.HasPrefix(base, "LICENSE"):
	default:
		return ""
	}
	return name
}

// isLibrary reports names like libx.so and libx.so.0.
func isLibrary(name string) bool {
	return strings.HasPrefix(name, "lib") && (strings.HasSuffix(name, ".so") || strings.Contains(name, ".so."))
}

// lift moves the files of the one folder that holds the server to the top of
// the stage and removes the rest.
func lift(stage *os.Root) error {
	var found []string
	err := fs.WalkDir(stage.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && path.Base(name) == serverName {
			found = append(found, path.Dir(name))
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return &ArchiveError{Reason: fmt.Sprintf("it holds %d programs named %s, not one", len(found), serverName)}
	}
	if found[0] == "." {
		return removeTop(stage, true)
	}
	entries, err := fs.ReadDir(stage.FS(), found[0])
	if err != nil {
		return err
	}
	if err := removeTop(stage, false); err != nil { // of other folders than the server's
		return err
	}
	top, _, _ := strings.Cut(found[0], "/")
	const aside = ".unpacked" // no entry starts with a dot, so nothing is in the way
	if err := stage.Rename(top, aside); err != nil {
		return err
	}
	from := path.Join(aside, strings.TrimPrefix(strings.TrimPrefix(found[0], top), "/"))
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		if err := stage.Rename(path.Join(from, e.Name()), e.Name()); err != nil {
			return err
		}
	}
	return removeTop(stage, true)
}

// removeTop removes the folders, or the files, that lie at the top of a stage.
func removeTop(stage *os.Root, folders bool) error {
	entries, err := fs.ReadDir(stage.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() == folders {
			if err := stage.RemoveAll(e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkShared makes sure that the server and every library are ELF files of
// this machine. Upstream's hardening is what it is; the jail is the wall.
func checkShared(stage *os.Root) error {
	entries, err := fs.ReadDir(stage.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != serverName && !isLibrary(e.Name()) {
			continue
		}
		h, err := inspect(filepath.Join(stage.Name(), e.Name()))
		if err != nil {
			return err
		}
		if h.rpc {
			return fmt.Errorf("%s: has remote calls (RPC) built in", e.Name())
		}
	}
	return nil
}
