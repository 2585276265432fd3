package sandbox

import (
	"fmt"
	"os"
	"path/filepath"

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

// rootsOwn tells whether only root can change what a path leads to.
func rootsOwn(path string) error {
	at := path
	for {
		var st unix.Stat_t
		if err := unix.Stat(at, &st); err != nil {
			return err
		}
		if st.Uid != 0 || st.Mode&unix.S_IWOTH != 0 || st.Mode&unix.S_IWGRP != 0 && st.Gid != 0 {
			return fmt.Errorf("%s can be changed by others than root, so it is not started", at)
		}
		if at == "/" {
			return nil
		}
		at = filepath.Dir(at)
	}
}
