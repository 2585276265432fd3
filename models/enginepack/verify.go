package enginepack

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"abaton.local/models"
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

// load checks the pack with this key and gives it back. Errors are ErrNone
// when there is no such folder, *DamagedError, or ones of the system.
func (s *Store) load(ctx context.Context, key string) (*Pack, error) {
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
	// An unknown file matters: the engine loads libraries by listing its folder.
	entries, err := folder.ReadDir(-1)
	if err != nil {
		return nil, fmt.Errorf("installed engine: %s: %w", dir, err)
	}
	for _, e := range entries {
		if _, ok := rec.Files[e.Name()]; !ok && e.Name() != recordName {
			return nil, damaged(e.Name(), "was not installed")
		}
	}

	seen, err := s.check(ctx, root, rec, s.remembered().Packs[key], sum)
	if reason, ok := errors.AsType[*fileError](err); ok {
		return nil, damaged(reason.name, "%s", reason.reason)
	}
	if err != nil {
		return nil, fmt.Errorf("installed engine: %w", err)
	}
	s.remember(key, verdict{Record: sum, Seen: seen})

	p := &Pack{Key: key, Dir: dir, Server: filepath.Join(dir, serverName), Layout: rec.Layout, Origin: rec.Origin, Build: rec.Build,
		Trust: rec.Trust, Compiler: rec.Compiler, Flags: rec.Flags, Features: rec.Features, When: rec.When, Files: rec.Files, seen: seen}
	if p.Libs, err = rec.Links.libs(); err != nil {
		return nil, err
	}
	return p, nil
}

// fileError is a reason to call one file damaged.
type fileError struct{ name, reason string }

func (e *fileError) Error() string { return e.name + ": " + e.reason }

// check compares every file with its digest, or with what was remembered of it
// in this boot.
func (s *Store) check(ctx context.Context, root *os.Root, rec record, old verdict, sum [32]byte) (map[string]stamp, error) {
	seen := make(map[string]stamp)
	for _, name := range names(rec.Files) {
		now, mode, err := stampAt(filepath.Join(root.Name(), name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &fileError{name, "missing"}
		}
		if errors.Is(err, errNotPlain) {
			return nil, &fileError{name, "not a plain file"}
		}
		if err != nil {
			return nil, err
		}
		if mode&0o022 != 0 {
			return nil, &fileError{name, "other accounts may write to it"}
		}
		want := installedMode(name)
		if before, ok := old.Seen[name]; ok && old.Record == sum && before == now && mode == want {
			seen[name] = now
			continue
		}
		digest, err := readDigest(ctx, root, name, want)
		if err != nil {
			return nil, err
		}
		if digest != rec.Files[name] {
			return nil, &fileError{name, "its content has another digest than when it was installed"}
		}
		if now, _, err = stampAt(filepath.Join(root.Name(), name)); err != nil {
			return nil, err
		}
		seen[name] = now
	}
	return seen, nil
}

// readDigest hashes a file that even its owner may not read, by allowing it for
// the moment of opening. Whatever happens, it leaves the mode that is wanted: a
// program that was killed in between may have left another.
func readDigest(ctx context.Context, root *os.Root, name string, want fs.FileMode) (d models.Digest, err error) {
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrPermission) {
		if err := root.Chmod(name, want|0o400); err != nil {
			return d, fmt.Errorf("%w; the check of an engine needs to read it: was it installed by another account?", err)
		}
		f, err = root.Open(name)
	}
	if f != nil {
		defer f.Close()
	}
	if info, statErr := root.Lstat(name); statErr == nil && info.Mode().Perm() != want {
		if err := root.Chmod(name, want); err != nil {
			return d, err
		}
	}
	if err != nil {
		return d, err
	}
	before, err := f.Stat()
	if err != nil {
		return d, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, &withContext{ctx, f}); err != nil {
		return d, err
	}
	after, err := f.Stat()
	if err != nil {
		return d, err
	}
	if before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime()) {
		return d, &fileError{name, "changed while it was read"}
	}
	return models.Digest(h.Sum(nil)), nil
}

// withContext ends a long read when ctx ends.
type withContext struct {
	ctx context.Context
	r   io.Reader
}

func (w *withContext) Read(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.r.Read(b)
}
