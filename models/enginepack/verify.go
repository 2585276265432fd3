package enginepack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Modes of an installed pack. The program can be executed but not read: the
// kernel then makes the running engine non-dumpable, so that other processes of
// this account cannot look into its memory.
const (
	modeDir    fs.FileMode = 0o555
	modeServer fs.FileMode = 0o111
	modeLib    fs.FileMode = 0o555
	modeFile   fs.FileMode = 0o444
)

// load checks the pack that was made by this plan and gives it back. Errors are
// ErrNone when there is no such folder, *DamagedError, or ones of the system.
func (s *Store) load(ctx context.Context, made plan) (*Pack, error) {
	key := made.key()
	dir := filepath.Join(s.dir, key)
	folder, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNone
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return nil, &DamagedError{Dir: dir, Reason: "not a folder"}
	case err != nil:
		return nil, fmt.Errorf("installed engine: %w", err)
	}
	defer folder.Close()
	// Two checks at once would take the mode away under each other.
	if err := flock(ctx, folder, nil); err != nil {
		return nil, err
	}
	damaged := func(file, format string, args ...any) error {
		return &DamagedError{Dir: dir, File: file, Reason: fmt.Sprintf(format, args...)}
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(folder.Fd()), &st); err != nil {
		return nil, fmt.Errorf("installed engine: %s: %w", dir, err)
	}
	if int(st.Uid) != os.Geteuid() && st.Uid != 0 {
		return nil, damaged("", "belongs to account %d, not to this one (%d)", st.Uid, os.Geteuid())
	}
	if st.Mode&0o022 != 0 {
		return nil, damaged("", "other accounts may write in it")
	}

	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("installed engine: %w", err)
	}
	defer root.Close()
	f, err := root.Open(recordName)
	if err != nil {
		return nil, damaged(recordName, "cannot be read: %v", errors.Unwrap(err))
	}
	rec, sum, err := readRecord(f)
	f.Close()
	if err != nil {
		return nil, damaged(recordName, "%v", err)
	}
	if rec.key() != key {
		return nil, damaged(recordName, "tells of a pack with another key, %s", rec.key())
	}
	old := s.remembered().Packs[key]
	if old.Record != sum {
		old.Seen = nil
	}
	// What the key stands for is told by the plan: the record might praise itself.
	p := &Pack{Key: key, Dir: dir, Server: filepath.Join(dir, serverName), Layout: made.Layout, Origin: made.Origin, Build: made.Build,
		Trust: made.Trust, Compiler: rec.Compiler, Flags: made.Flags, Features: made.Features, When: rec.When, Files: rec.Files,
		installed: true, seen: old.Seen}
	if err := p.check(ctx, root); err != nil {
		return nil, err
	}
	if !maps.Equal(old.Seen, p.seen) {
		s.remember(key, verdict{Record: sum, Seen: p.seen})
	}
	if p.Libs, err = rec.Links.libs(); err != nil {
		return nil, err
	}
	return p, nil
}

// Unchanged makes sure that the pack is still what was checked. While no inode
// changed it reads no file: cheap enough for every start of an engine. Where
// one did (another program's check sets the server's mode for a moment), the
// digests decide again. It is safe for concurrent use; an error is
// *DamagedError or one of the system.
func (p *Pack) Unchanged() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	folder, err := p.checked(context.Background())
	if folder != nil {
		_ = folder.Close() // it was only read
	}
	return err
}

// checked is check with the folder open and, if it is installed, locked. The
// caller holds mu and closes the folder, also with an error.
func (p *Pack) checked(ctx context.Context) (folder *os.File, err error) {
	if folder, err = os.Open(p.Dir); err != nil {
		return nil, &DamagedError{Dir: p.Dir, Reason: err.Error()}
	}
	if p.installed {
		if err := flock(ctx, folder, nil); err != nil {
			return folder, err
		}
	}
	root, err := os.OpenRoot(p.Dir)
	if err != nil {
		return folder, &DamagedError{Dir: p.Dir, Reason: err.Error()}
	}
	defer root.Close()
	return folder, p.check(ctx, root)
}

// check compares every file with its digest, or with what was seen of it
// before, and the folder's entries with the record. The folder is locked.
func (p *Pack) check(ctx context.Context, root *os.Root) error {
	damaged := func(name, reason string) error { return &DamagedError{Dir: p.Dir, File: name, Reason: reason} }
	if p.installed {
		// An unknown file matters: the engine loads libraries by listing its folder.
		entries, err := fs.ReadDir(root.FS(), ".")
		if err != nil {
			return fmt.Errorf("engine: %s: %w", p.Dir, err)
		}
		for _, e := range entries {
			if _, ok := p.Files[e.Name()]; !ok && e.Name() != recordName {
				return damaged(e.Name(), "was not installed")
			}
		}
	}
	if !p.installed && p.Layout == Shared {
		entries, err := fs.ReadDir(root.FS(), ".")
		if err != nil {
			return fmt.Errorf("engine: %s: %w", p.Dir, err)
		}
		for _, e := range entries {
			if _, ok := p.Files[e.Name()]; !ok && isLibrary(e.Name()) && e.Type().IsRegular() {
				return damaged(e.Name(), "was not there when the engine was named")
			}
		}
	}
	seen := make(map[string]stamp)
	for _, name := range names(p.Files) {
		path := filepath.Join(p.Dir, name)
		now, mode, err := stampAt(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return damaged(name, "missing")
		case errors.Is(err, errNotPlain):
			return damaged(name, "not a plain file")
		case err != nil:
			return fmt.Errorf("engine: %w", err)
		}
		want := asItIs
		if p.installed {
			if want = installedMode(name); mode&0o022 != 0 {
				return damaged(name, "other accounts may write to it")
			}
		}
		if before, ok := p.seen[name]; ok && before == now && (want == asItIs || mode&fs.ModePerm == want) {
			seen[name] = now
			continue
		}
		digest, now, err := readSettled(ctx, root, name, want)
		if errors.Is(err, errChanging) {
			return damaged(name, err.Error())
		}
		if err != nil {
			return fmt.Errorf("engine: %s: %w", path, err)
		}
		if digest != p.Files[name] {
			return damaged(name, "its content has another digest than when it was "+map[bool]string{true: "installed", false: "named"}[p.installed])
		}
		seen[name] = now
	}
	p.seen = seen
	return nil
}
