package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// place is the store's file in its folder, made or found, closed to other
// accounts and held for this process alone.
type place struct {
	path   string   // absolute, no link in it
	file   *os.File // carries the hold; nothing is read or written through it
	folder *os.File
}

// openPlace makes the folder (0700) and the file (0600, empty) where they are
// missing, and makes their names durable. The hold is flock(2): unlike SQLite's
// own locks it is taken in one step, so of two programs that start together one
// wins. The kernel lets go when the process dies.
func openPlace(path string) (*place, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dir, name := filepath.Split(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	// Links on the way to the folder are the administrator's business; the file
	// itself must be none.
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	p := &place{path: filepath.Join(dir, name)}
	if p.folder, err = os.Open(dir); err != nil {
		return nil, err
	}
	if err := closeToOthers(p.folder, 0o700); err != nil {
		p.folder.Close()
		return nil, fmt.Errorf("its folder %s: %w", dir, err)
	}
	if p.file, err = openPlain(p.path); err != nil {
		p.folder.Close()
		return nil, err
	}
	if err := p.hold(); err != nil {
		p.folder.Close()
		p.file.Close()
		return nil, err
	}
	return p, nil
}

// Close makes it durable that SQLite has deleted its log, and lets go.
func (p *place) Close() error {
	return errors.Join(p.folder.Sync(), p.folder.Close(), p.file.Close())
}

// openPlain opens the file, made where it is missing, and follows no link.
func openPlain(path string) (*os.File, error) {
	const flags = os.O_RDWR | os.O_CREATE | unix.O_NOFOLLOW | unix.O_NONBLOCK
	f, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EMLINK) {
		return nil, errors.New("it is a link: name the folder in which the store itself lies")
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a plain file: move it away, or name another folder")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (p *place) hold() error {
	switch err := flock(p.file); {
	case errors.Is(err, unix.EWOULDBLOCK):
		return &Trouble{Kind: InUse, Path: p.path, Err: err}
	case err != nil:
		return fmt.Errorf("holding the file: %w", err)
	}
	if err := closeToOthers(p.file, 0o600); err != nil {
		return err
	}
	// What was held must be what is found by that name: another program may
	// have moved the file between our opening and holding it.
	mine, err := p.file.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Lstat(p.path); err != nil || !os.SameFile(mine, there) {
		return &Trouble{Kind: InUse, Path: p.path, Err: errors.New("the file was replaced a moment ago")}
	}
	// SQLite makes the names of its journals durable, never that of the file.
	return p.folder.Sync()
}

func flock(f *os.File) error {
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// closeToOthers gives what is ours the mode wanted.
func closeToOthers(f *os.File, mode fs.FileMode) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if g, ok := info.Sys().(*syscall.Stat_t); !ok || int(g.Uid) != os.Geteuid() {
		return fmt.Errorf("it belongs to another account: give it to this one (%d) with chown, or name another data folder", os.Geteuid())
	}
	if info.Mode()&fs.ModeSticky != 0 {
		return errors.New("it is a folder for every account: name one of its own below it")
	}
	if info.Mode().Perm() != mode {
		return f.Chmod(mode)
	}
	return nil
}

// uri names the file for SQLite. Its journals get the mode of the file itself.
func (p *place) uri() string { return "file:" + escape(p.path) + "?modeof=" + escape(p.path) }

// escape writes a path so that SQLite's reading of a URI gives it back: unlike
// browsers it knows no plus sign for a space.
func escape(path string) string {
	var b strings.Builder
	for _, c := range []byte(path) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("/._-", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
