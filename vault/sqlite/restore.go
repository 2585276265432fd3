package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"abaton.local/vault"
)

// Inspect reads a backup, or a store that nobody has open, without changing it:
// the vaults in it, once every page is in order. It needs no key and says
// nothing about what is sealed.
func Inspect(ctx context.Context, path string) (ids []vault.ID, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() || info.Size() == 0 {
		return nil, fmt.Errorf("%s is empty or no plain file: it is no backup", path)
	}
	if info, err := os.Lstat(path + "-wal"); err == nil && info.Size() > 0 {
		return nil, fmt.Errorf("%s is an open store, or was not closed: inspect a backup of it", path)
	}
	settings := pragmas()[:5] // those that concern reading
	s, err := open(ctx, path, "file:"+escape(path)+"?mode=ro&immutable=1", settings, io.NopCloser(nil))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.Check(ctx); err != nil {
		return nil, err
	}
	return s.Vaults(ctx)
}

// Restore puts a backup where a store shall be and none is. Whoever remembers a
// later head of its vaults will see that they are older: see package vault.
func Restore(ctx context.Context, backup, path string) (err error) {
	for _, name := range []string{path, path + "-wal", path + "-journal"} {
		if _, err := os.Lstat(name); err == nil {
			return fmt.Errorf("restore: %s is there: stop Abaton and move it away first, it may be all there is", name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("restore: %w", err)
		}
	}
	if _, err := Inspect(ctx, backup); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	part := path + ".part"
	defer func() {
		if err != nil {
			os.Remove(part)
		}
	}()
	if err := copyFile(part, backup); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	// Opened under its last name only once it is whole, on the disk, and in the
	// mode in which a store is kept.
	s, err := Open(ctx, part)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := errors.Join(s.Check(ctx), s.Close()); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return syncFolder(filepath.Dir(path))
}

func copyFile(to, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	// What another try left goes. A link in its place is not followed: that would
	// write over any file of this account.
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Sync(), dst.Close())
}
