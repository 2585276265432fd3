package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// ErrRunning says that a living server holds the socket.
var ErrRunning = errors.New("already running")

// longestSocket is what fits into sun_path with its final NUL (unix(7)): 107
// bytes on Linux, 103 on macOS.
const longestSocket = len(syscall.RawSockaddrUnix{}.Path) - 1

// socket is a Unix listener whose path is ours as long as we live.
type socket struct {
	*net.UnixListener
	lock *os.File
}

// listenUnix binds a Unix socket that only this account can reach: the folder
// is 0700 and the socket 0600. That its server lives is known by a lock beside
// it, which the kernel lets go when the server dies in whatever way; so a stale
// socket can be told from a living one without connecting to it, and two servers
// that start at once cannot both win.
func listenUnix(path string) (*socket, error) {
	if len(path) > longestSocket {
		return nil, fmt.Errorf("the socket's path has %d bytes, the system allows %d (%s): choose a shorter runtime folder with ABATON_RUNTIME_DIR", len(path), longestSocket, path)
	}
	if err := privateFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the socket: %w", err)
	}
	l, err := bindLocked(path, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &socket{l, lock}, nil
}

func bindLocked(path string, lock *os.File) (*net.UnixListener, error) {
	err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("another abaton serves on %s: %w; use it, or stop it first", path, ErrRunning)
	}
	if err != nil {
		return nil, fmt.Errorf("locking the socket: %w", err)
	}
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("looking for the socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("%s is in the way and is no socket: move it elsewhere", path)
	default: // of a server that died
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("removing a dead server's socket: %w", err)
		}
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("closing the socket to other accounts: %w", err), l.Close())
	}
	return l, nil
}

// privateFolder makes sure that dir exists, is ours and is closed to others.
func privateFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the socket's folder: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("looking at the socket's folder: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("the socket's folder %s is no folder: choose another with ABATON_RUNTIME_DIR", dir)
	case !ok || int(stat.Uid) != os.Geteuid():
		return fmt.Errorf("the socket's folder %s belongs to another account: choose one of your own with ABATON_RUNTIME_DIR", dir)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("other accounts can enter the socket's folder (%v): run `chmod 700 %s`", info.Mode(), dir)
	}
	return nil
}

// Close removes the socket, then lets go of its lock. It may be called twice.
func (s *socket) Close() error {
	var errs []error
	if err := s.UnixListener.Close(); !errors.Is(err, net.ErrClosed) {
		errs = append(errs, err)
	}
	if err := s.lock.Close(); !errors.Is(err, fs.ErrClosed) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
