package egress

import (
	"errors"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// Room reports with a *SpaceError that need more bytes do not fit on f's file
// system, or that a file of total bytes is larger than this process may write.
func Room(f *os.File, need, total int64) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
		return fmt.Errorf("how much space is free: %w", err)
	}
	if free := freeBytes(&fs); need > free {
		return &SpaceError{Need: need, Free: free, What: "on the disk of " + f.Name()}
	}
	if limit := fileLimit(); total > limit {
		return &SpaceError{Need: total, Free: limit, What: "the largest file that this process may write: ulimit -f"}
	}
	return nil
}

// Full makes a *SpaceError of an error by write(2) that says so; need is what
// is still to be written, in bytes. Other errors come back as they are.
func Full(f *os.File, err error, need int64) error {
	if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) && !errors.Is(err, unix.EFBIG) {
		return err
	}
	e := &SpaceError{Need: need, What: err.Error()}
	var fs unix.Statfs_t
	if unix.Fstatfs(int(f.Fd()), &fs) == nil {
		e.Free = freeBytes(&fs)
	}
	return e
}

// freeBytes is what an ordinary account may still write. A file system that
// does not count its blocks is taken as endless: its writes tell.
func freeBytes(fs *unix.Statfs_t) int64 {
	if fs.Blocks == 0 {
		return math.MaxInt64
	}
	blocks, size := uint64(fs.Bavail), uint64(fs.Bsize)
	if size != 0 && blocks > math.MaxInt64/size {
		return math.MaxInt64
	}
	return int64(blocks * size)
}

// fileLimit is RLIMIT_FSIZE in bytes.
func fileLimit() int64 {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_FSIZE, &l) != nil || l.Cur > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(l.Cur)
}
