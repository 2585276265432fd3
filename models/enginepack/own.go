package enginepack

import (
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// closeToWriters makes a folder of ours one that only we may write in. Root's
// is taken as it is, when nobody else may write there. Whoever can write into
// the store could exchange a build's source between its check and the compiler.
func closeToWriters(dir string) error {
	return guard(dir, func(f *os.File, uid int, mode fs.FileMode) error {
		switch {
		case uid != os.Geteuid() && uid != 0:
			return notOurs(dir, uid)
		case mode&0o022 == 0:
			return nil
		case mode&unix.S_ISVTX != 0:
			return fmt.Errorf("%s is a folder for every account: name one of its own below it", dir)
		}
		return f.Chmod(mode &^ 0o022)
	})
}

// closeToOthers makes a folder of ours 0700.
func closeToOthers(dir string) error {
	return guard(dir, func(f *os.File, uid int, mode fs.FileMode) error {
		if uid != os.Geteuid() {
			return notOurs(dir, uid)
		}
		return f.Chmod(0o700)
	})
}

// ownOrSticky refuses a folder in which other accounts may rename what is ours.
func ownOrSticky(dir string) error {
	return guard(dir, func(_ *os.File, uid int, mode fs.FileMode) error {
		switch {
		case uid != os.Geteuid() && uid != 0:
			return notOurs(dir, uid)
		case mode&0o022 != 0 && mode&unix.S_ISVTX == 0:
			return fmt.Errorf("other accounts may exchange what lies in %s: chmod go-w, or name another folder", dir)
		}
		return nil
	})
}

func notOurs(dir string, uid int) error {
	return fmt.Errorf("%s belongs to account %d, not to this one (%d): give it away with chown, or name another folder", dir, uid, os.Geteuid())
}

// guard shows a folder's owner and mode, as stat(2) has it.
func guard(dir string, judge func(f *os.File, uid int, mode fs.FileMode) error) error {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return &fs.PathError{Op: "stat", Path: dir, Err: err}
	}
	return judge(f, int(st.Uid), fs.FileMode(st.Mode&0o7777))
}
