package engine

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// slots is the folder of a worker's jail in which its engine reads and writes
// snapshots. The engine can make anything of it at any moment, so each step
// goes by a descriptor and follows nothing.
type slots struct{ fd int }

// errNotMemory says that what is written there would lie on a disk, in the clear.
var errNotMemory = errors.New("the engine's folder is not in memory")

func openSlots(run *os.File) (slots, error) {
	raw, err := run.SyscallConn()
	if err != nil {
		return slots{}, err
	}
	fd := -1
	cerr := raw.Control(func(at uintptr) {
		fd, err = beneath(int(at), "slots", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	})
	if err = errors.Join(cerr, err); err != nil {
		return slots{}, fmt.Errorf("opening the engine's folder: %w", err)
	}
	if err := inMemory(fd); err != nil {
		unix.Close(fd)
		return slots{}, err
	}
	return slots{fd}, nil
}

func inMemory(fd int) error {
	var on unix.Statfs_t
	if err := unix.Fstatfs(fd, &on); err != nil || on.Type != unix.TMPFS_MAGIC {
		return errors.Join(errNotMemory, err)
	}
	return nil
}

func beneath(dir int, name string, flags int, mode uint64) (int, error) {
	for {
		fd, err := unix.Openat2(dir, name, &unix.OpenHow{
			Flags: uint64(flags) | unix.O_CLOEXEC | unix.O_NOFOLLOW, Mode: mode,
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
		})
		if err != unix.EINTR && err != unix.EAGAIN { // EAGAIN: somebody renamed on the way
			return fd, err
		}
	}
}

// create makes a file that is not there.
func (s slots) create(name string) (*os.File, error) {
	fd, err := beneath(s.fd, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making the snapshot's file: %w", err)
	}
	return os.NewFile(uintptr(fd), "snapshot"), nil
}

// open gives a regular file that the engine wrote, and its size at this moment.
func (s slots) open(name string) (*os.File, int64, error) {
	fd, err := beneath(s.fd, name, unix.O_RDONLY|unix.O_NONBLOCK, 0) // a pipe would wait for its writer
	if err != nil {
		return nil, 0, fmt.Errorf("opening the snapshot's file: %w", err)
	}
	f := os.NewFile(uintptr(fd), "snapshot")
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		f.Close()
		return nil, 0, errors.Join(errors.New("the snapshot is not a file"), err)
	}
	return f, st.Size, nil
}

func (s slots) remove(name string) { _ = unix.Unlinkat(s.fd, name, 0) }

func (s slots) close() { _ = unix.Close(s.fd) }
