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

	"abaton.local/egress"
	"abaton.local/models"
)

// NoSpaceError says that a disk is full. What was fetched so far is kept.
type NoSpaceError struct {
	Dir  string
	Need int64 // bytes that should be free, roughly
	Err  error
}

func (e *NoSpaceError) Error() string {
	return fmt.Sprintf("the disk of %s is full: free about %d MB there and start again", e.Dir, (e.Need+999_999)/1_000_000)
}

func (e *NoSpaceError) Unwrap() error { return e.Err }

// space turns the system's words for a full disk into ours.
func space(err error, dir string, need int64) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, egress.ErrNoSpace) {
		return &NoSpaceError{Dir: dir, Need: need, Err: err}
	}
	return err
}

// full reports that the disk of a folder has no room left for a build's
// smallest needs: some tools do not say so when they fail.
func full(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && uint64(st.Bavail)*uint64(st.Bsize) < 1<<20
}

// fetched gives an archive's verified file, open for reading at its start. It
// takes what lies in .incoming, whole or in part, before it goes out. The file
// is hashed again here, whatever the one who fetched it said: nothing is
// unpacked from bytes that this package did not check.
func (s *Store) fetched(ctx context.Context, a archive, o Options) (*os.File, error) {
	if o.Archive != "" {
		return opened(ctx, a, o.Archive)
	}
	dir := filepath.Join(s.dir, incomingName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("engine folder: %w", space(err, dir, a.Size))
	}
	if err := closeToOthers(dir); err != nil {
		return nil, fmt.Errorf("engine folder: %w", err)
	}
	path := s.part(a)
	part, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("engine archive: %w", space(err, dir, a.Size))
	}
	if err := s.fill(ctx, a, part, o); err != nil {
		part.Close()
		return nil, err
	}
	return part, nil
}

// part is where an archive is fetched to.
func (s *Store) part(a archive) string {
	return filepath.Join(s.dir, incomingName, a.Digest.String()+".part")
}

func (s *Store) fill(ctx context.Context, a archive, part *os.File, o Options) error {
	info, err := part.Stat()
	if err != nil {
		return fmt.Errorf("engine archive: %w", err)
	}
	if info.Size() >= a.Size {
		if err := a.verify(ctx, part); err == nil {
			return nil
		} else if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := part.Truncate(0); err != nil {
			return fmt.Errorf("engine archive: %w", err)
		}
	}
	if o.Door == nil {
		return fmt.Errorf("the engine's archive (%s) is not on this machine and there is no way out to fetch it", a.Origin)
	}
	address, err := s.address(ctx, a, o)
	if err != nil {
		return err
	}
	err = o.Door.Fetch(ctx, address, part, a.Digest, a.Size, func(done, total int64) {
		o.step(Step{Stage: Fetching, Text: a.Origin, Done: done, Total: total})
	})
	if err != nil {
		return fmt.Errorf("fetch %s: %w", a.Origin, space(err, filepath.Dir(part.Name()), a.Size))
	}
	return a.verify(ctx, part)
}

// address finds where the archive can be had.
func (s *Store) address(ctx context.Context, a archive, o Options) (string, error) {
	if a.Package == "" {
		return a.URL, nil
	}
	if o.Pip == nil {
		return "", fmt.Errorf("the engine's source comes as the Python package %s, and no package index is known", a.Package)
	}
	address, digest, size, err := o.Pip.Resolve(ctx, o.Door, a.Package, a.Version, a.Suffix)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", a.Origin, err)
	}
	if models.Digest(digest) != a.Digest && digest != [32]byte{} || size > 0 && size != a.Size {
		return "", fmt.Errorf("the package index offers another file for %s %s than the pinned one (SHA-256 %s, expected %s): ask who runs the index", a.Package, a.Version, models.Digest(digest), a.Digest)
	}
	return address, nil
}

// opened takes an archive that the person brought.
func opened(ctx context.Context, a archive, path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("engine archive: %w", err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(fmt.Errorf("engine archive %s: %w", path, errNotPlain), err)
	}
	if err := a.verify(ctx, f); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// unpack takes the wanted files out of an archive and hashes what it reads: a
// file that somebody else owns may have changed since it was verified. Nothing
// that was unpacked may be used when it fails.
func (a archive) unpack(ctx context.Context, f *os.File, dest *os.Root, c caps, want func(name string) string) error {
	h := sha256.New()
	if err := unpack(ctx, io.TeeReader(f, h), dest, c, want); err != nil {
		return err
	}
	if _, err := io.Copy(h, &withContext{ctx, f}); err != nil {
		return err
	}
	if models.Digest(h.Sum(nil)) != a.Digest {
		return &ArchiveError{Reason: "it changed while it was unpacked"}
	}
	return nil
}

// verify hashes the file from its start and leaves it there.
func (a archive) verify(ctx context.Context, f *os.File) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(h, &withContext{ctx, f})
	if err != nil {
		return err
	}
	if got := models.Digest(h.Sum(nil)); got != a.Digest || n != a.Size {
		return &ArchiveError{Reason: fmt.Sprintf("it is not the pinned one (%s): %d bytes, SHA-256 %s, expected %d bytes, %s", a.Origin, n, got, a.Size, a.Digest)}
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// done removes what was fetched, once it was installed.
func (s *Store) done(a archive) {
	if err := os.Remove(s.part(a)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return // it only takes room; the next install looks at it again
	}
}
