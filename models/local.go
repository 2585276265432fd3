package models

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"abaton.local/egress"
)

// copyIn copies a file of this machine into part. The file may be anybody's:
// it is opened without waiting (a pipe would), must be plain, and must not
// change meanwhile.
func copyIn(ctx context.Context, into *part, path string, progress egress.Progress) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return noPermission(path, err)
	}
	defer f.Close()
	before, g, err := stampOf(f)
	if err != nil {
		return err
	}
	if kind := g.kind(); kind != "" {
		return fmt.Errorf("%s is %s, not a model file", path, kind)
	}
	if before.Size == 0 {
		return &HeaderError{Name: path, Reason: "the file is empty"}
	}
	if err := into.Truncate(0); err != nil {
		return err
	}
	if err := egress.Room(into.File, before.Size, before.Size); err != nil {
		return err
	}
	if _, err := checkModel(path, f, before.Size); err != nil {
		return err // soon, instead of after a long copy; the copy is checked again
	}
	_, err = pour(ctx, into, f, before.Size, progress)
	if after, _, serr := stampOf(f); serr != nil || after != before {
		return &ChangedError{Name: path}
	}
	return err
}

// pour writes size bytes at most and fails when there are more or fewer.
func pour(ctx context.Context, into *part, from io.Reader, size int64, progress egress.Progress) (Digest, error) {
	h := sha256.New()
	buf := make([]byte, hashBuffer)
	var done int64
	for {
		if err := ctx.Err(); err != nil {
			return Digest{}, err
		}
		n, err := io.ReadFull(from, buf)
		if done+int64(n) > size {
			return Digest{}, fmt.Errorf("the file is larger than the %d bytes it was said to have", size)
		}
		w, werr := into.WriteAt(buf[:n], done)
		h.Write(buf[:w])
		done += int64(w)
		if werr != nil {
			return Digest{}, egress.Full(into.File, werr, max(size-done, 1))
		}
		progress(done, size)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			if done != size {
				return Digest{}, fmt.Errorf("the file ended after %d bytes of %d: %w", done, size, io.ErrUnexpectedEOF)
			}
			return Digest(h.Sum(nil)), nil
		}
		if err != nil {
			return Digest{}, err
		}
	}
}
