package enginepack

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"abaton.local/models"
)

const hashBuffer = 256 << 10 // bytes; stays in a core's second cache

var errChanging = errors.New("changed while it was read")

// readings is how often a file is read whose stamp does not stay: a backup that
// gives it a second name changes the stamp and nothing else, and so does another
// Abaton that allows itself to read it. Two of these would disturb each other again
// and again, so each waits for a time drawn by lot, up to this and longer each time.
const (
	readings = 5
	apart    = 100 * time.Millisecond
)

// readSettled hashes a file whose stamp, at its path, is the same after that.
func readSettled(ctx context.Context, root *os.Root, name string, want fs.FileMode) (d models.Digest, at stamp, err error) {
	for n := range readings {
		if n > 0 {
			select {
			case <-ctx.Done():
				return d, at, ctx.Err()
			case <-time.After(rand.N(time.Duration(n) * apart)):
			}
		}
		if d, at, err = readDigest(ctx, root, name, want); errors.Is(err, errChanging) {
			continue
		}
		if err != nil {
			return d, at, err
		}
		now, _, err := stampAt(filepath.Join(root.Name(), name))
		if err != nil || now == at {
			return d, at, err
		}
	}
	if err == nil {
		err = errChanging
	}
	return d, at, err
}

// readDigest hashes a file that even its owner may not read, by allowing it for
// the moment of opening. Whatever happens, it leaves the mode that is wanted: a
// program that was killed in between may have left another. The stamp is that
// of the very file that was read.
func readDigest(ctx context.Context, root *os.Root, name string, want fs.FileMode) (d models.Digest, at stamp, err error) {
	f, err := openUnreadable(root, name, want)
	if f != nil {
		defer f.Close()
	}
	if err != nil {
		return d, at, err
	}
	before, err := stampIn(f)
	if err != nil {
		return d, at, err
	}
	h := sha256.New()
	if _, err := io.CopyBuffer(h, &withContext{ctx, f}, make([]byte, hashBuffer)); err != nil {
		return d, at, err
	}
	if at, err = stampIn(f); err != nil {
		return d, at, err
	}
	if before != at {
		return d, at, errChanging
	}
	return models.Digest(h.Sum(nil)), at, nil
}

// asItIs is wanted of a file that the person gave: no mode of it is known
// beforehand, and the one that it has may be another check's for a moment.
const asItIs = ^fs.FileMode(0)

// openUnreadable opens a file and leaves it with the mode that is wanted. Nothing
// keeps two checks of a named engine apart: the other one may take the mode away
// again before the file is open, which is a change like any other.
func openUnreadable(root *os.Root, name string, want fs.FileMode) (*os.File, error) {
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrPermission) {
		if want == asItIs {
			info, statErr := root.Lstat(name)
			if statErr != nil {
				return nil, statErr
			}
			if want = info.Mode().Perm(); want&0o400 != 0 {
				return nil, fmt.Errorf("%w: %w", errChanging, err) // allowed a moment later
			}
		}
		if err := root.Chmod(name, want|0o400); err != nil {
			return nil, fmt.Errorf("%w; the check of an engine needs to read it: was it installed by another account?", err)
		}
		if f, err = root.Open(name); errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w: %w", errChanging, err)
		}
	}
	if want == asItIs {
		return f, err
	}
	if info, statErr := root.Lstat(name); statErr == nil && info.Mode().Perm() != want {
		if err := root.Chmod(name, want); err != nil {
			return f, err
		}
	}
	return f, err
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
