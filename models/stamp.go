package models

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A stamp is what the kernel says of an open file. Its bytes cannot change
// without changing the change time, short of setting the clock or writing the
// disk below the file system.
type stamp struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	Size   int64  `json:"size"`  // bytes
	MTime  int64  `json:"mtime"` // nanoseconds since 1970
	CTime  int64  `json:"ctime"` // nanoseconds since 1970
}

// guard is who may touch a file.
type guard struct {
	mode uint32 // type and permission bits
	uid  uint32
}

func stampOf(f *os.File) (stamp, guard, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return stamp{}, guard{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return stamp{uint64(st.Dev), uint64(st.Ino), st.Size, unix.TimespecToNsec(st.Mtim), unix.TimespecToNsec(st.Ctim)},
		guard{uint32(st.Mode), st.Uid}, nil
}

// kind is a word for what is no plain file; empty for a plain one.
func (g guard) kind() string {
	switch g.mode & unix.S_IFMT {
	case unix.S_IFREG:
		return ""
	case unix.S_IFDIR:
		return "a folder"
	case unix.S_IFIFO:
		return "a pipe"
	case unix.S_IFSOCK:
		return "a socket"
	}
	return "a device"
}

// problem says why no engine may be given a file that is guarded like this.
func (g guard) problem() string {
	switch perm := g.mode & 0o7777; {
	case g.kind() != "":
		return "it is " + g.kind() + ", not a plain file"
	case int(g.uid) != os.Geteuid():
		return fmt.Sprintf("it belongs to account %d, not to this one (%d)", g.uid, os.Geteuid())
	case perm != 0o400:
		return fmt.Sprintf("its mode is %04o, not 0400: others could read or change it", perm)
	}
	return ""
}
