package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// SystemProgram gives a program that the system's administrator installed, and the
// libraries that it needs, for a jail. It must be root's, and so must all of them
// and the folders that they lie in be: its loader is asked outside the jail. The
// caller closes Opened once the program started.
func SystemProgram(path string) (program File, libraries []File, err error) {
	fail := func(err error) (File, []File, error) { return File{}, nil, fmt.Errorf("%s: %w", path, err) }
	if err := rootsOwn(path); err != nil {
		return fail(err)
	}
	opened, err := os.Open(path)
	if err != nil {
		return fail(err)
	}
	libraries, err = libraryFiles(opened, path)
	for _, l := range libraries {
		if err == nil {
			err = rootsOwn(l.Path)
		}
	}
	if err != nil {
		_ = opened.Close()
		return fail(err)
	}
	return File{Path: path, Inside: path, Opened: opened}, libraries, nil
}

// mostLinks is how many links may stand in one path, as the kernel has it.
const mostLinks = 40

// rootsOwn tells whether only root can change what a path leads to: each folder on its
// way, and where a link stands on it, each on the way that this leads.
func rootsOwn(path string) error {
	at, rest := "/", strings.Split(path, "/")
	for links := 0; ; {
		var st unix.Stat_t
		if err := unix.Lstat(at, &st); err != nil {
			return err
		}
		link := st.Mode&unix.S_IFMT == unix.S_IFLNK // who else may write to one is not asked by anybody
		if st.Uid != 0 || !link && (st.Mode&unix.S_IWOTH != 0 || st.Mode&unix.S_IWGRP != 0 && st.Gid != 0) {
			return fmt.Errorf("%s can be changed by others than root, so it is not started", at)
		}
		if link {
			to, err := os.Readlink(at)
			if links++; err == nil && links > mostLinks {
				err = unix.ELOOP
			}
			if err != nil {
				return err
			}
			at = filepath.Dir(at)
			if filepath.IsAbs(to) {
				at = "/"
			}
			rest = append(strings.Split(to, "/"), rest...) // .. goes up from where the links have led
		}
		for len(rest) > 0 && (rest[0] == "" || rest[0] == ".") {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return nil
		}
		at, rest = filepath.Join(at, rest[0]), rest[1:]
	}
}
