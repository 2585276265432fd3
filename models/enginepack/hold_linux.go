package enginepack

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// openPath gives a descriptor that names a file without opening it. A link is
// not followed.
func openPath(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}
