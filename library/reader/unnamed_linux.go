package reader

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// unnamed keeps bytes in a file that lies in memory and has no name. Nobody can
// change it any more, whoever is given its descriptor.
func unnamed(r io.Reader) (*os.File, int64, error) {
	fd, err := unix.MemfdCreate("code", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, 0, fmt.Errorf("memory without a name: %w", err)
	}
	f := os.NewFile(uintptr(fd), "code")
	n, err := io.Copy(f, r)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
	}
	if err != nil {
		_ = f.Close()
		return nil, 0, fmt.Errorf("memory without a name: %w", err)
	}
	return f, n, nil
}
