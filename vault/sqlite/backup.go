package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
)

// Backup writes a copy of the whole store, of this moment and without what was
// deleted, into the new file path. Everything in it is sealed. Other calls wait
// meanwhile. The file is there whole or not at all; one that is there already
// is not replaced.
func (s *Store) Backup(ctx context.Context, path string) (err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("backup: %s is there already: name a new file", path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("backup: %w", err)
	}
	part := path + ".part"
	// SQLite takes an empty file; it would make one that others can read.
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("backup: %s is left of another backup: delete it, or let that one end", part)
	}
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(part)
		}
	}()
	err = s.do(ctx, func() error {
		q, _, err := s.db.Prepare("VACUUM INTO ?1")
		if err != nil {
			return err
		}
		defer q.Close()
		if err := q.BindText(1, "file:"+escape(part)); err != nil {
			return err
		}
		return aside(q.Exec(), part)
	})
	if err != nil {
		return err
	}
	// VACUUM INTO leaves syncing to us.
	if err := f.Sync(); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return syncFolder(filepath.Dir(path))
}

// aside says that a full or read-only disk is the backup's, not the store's.
func aside(err error, part string) error {
	switch kindOf(err) {
	case Full, ReadOnly, Failing:
		return fmt.Errorf("backup: writing %s: %w; the store itself is well", part, &Trouble{Kind: kindOf(err), Path: part, Err: err})
	}
	return err
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// Check reads the whole file and says whether SQLite finds it in order. Other
// calls wait meanwhile. It knows nothing of what the rows hold: that is for the
// vault's own verification.
func (s *Store) Check(ctx context.Context) error {
	return s.do(ctx, func() error {
		return s.query("PRAGMA integrity_check(1)", func(q *sqlite3.Stmt) (bool, error) {
			if q.ColumnText(0) != "ok" {
				return false, s.damage("SQLite's own check fails")
			}
			return false, nil
		})
	})
}
