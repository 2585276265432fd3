//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// rawMode makes a terminal give each key as it is pressed, unechoed. Unlike a
// fully raw one it still turns Ctrl-C into a signal and line feeds into new
// lines, so an answer can be stopped and printed in the same mode. restore
// puts back what was there; again applies the mode anew, after a suspension.
func rawMode(f *os.File) (restore, again func() error, err error) {
	fd := int(f.Fd())
	old, err := unix.IoctlGetTermios(fd, readTermios)
	if err != nil {
		return nil, nil, err
	}
	mode := *old
	mode.Lflag &^= unix.ICANON | unix.ECHO | unix.IEXTEN
	mode.Iflag &^= unix.IXON
	mode.Cc[unix.VMIN], mode.Cc[unix.VTIME] = 1, 0
	again = func() error { return unix.IoctlSetTermios(fd, writeTermios, &mode) }
	restore = func() error { return unix.IoctlSetTermios(fd, writeTermios, old) }
	return restore, again, again()
}
